"""The embedded sample as a dataset: built into the cache on first use, offline."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from ggt_hf.data.format.schema import FORMAT_VERSION, INFO_PATH
from ggt_hf.data.reading.cache import default_folder


def sample_folder() -> Path:
    """Return where the embedded sample lies, or would be built: another sample, another folder."""
    from ggt_hf import sample

    return default_folder() / "sample" / _fingerprint(sample.PAIRS.parent) / "ggt-100k"


def sample_dataset() -> Path:
    """Return the folder of the embedded sample, built if it is not there yet.

    Processes that build it at the same time do not disturb each other: it appears by one rename.
    """
    folder = sample_folder()
    if not (folder / INFO_PATH).is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        _build_into(folder)
    return folder


def _build_into(folder: Path) -> None:
    from ggt_hf import sample
    from ggt_hf.data.building.build import build_dataset

    with tempfile.TemporaryDirectory(prefix=".building-", dir=folder.parent) as building:
        built = Path(building) / folder.name
        build_dataset(sample.PAIRS, built, num_workers=1, quiet=True)
        try:
            built.rename(folder)
        except OSError:
            if not (folder / INFO_PATH).is_file():
                # What a crash left there is in the way.
                shutil.rmtree(folder)
                built.rename(folder)


def _fingerprint(source: Path) -> str:
    """Hash the names and sizes of the sample's files."""
    digest = hashlib.sha256(f"format v{FORMAT_VERSION}\n".encode())
    for file in sorted(path for path in source.rglob("*") if path.suffix != ".pyc"):
        size = file.stat().st_size if file.is_file() else 0
        digest.update(f"{file.relative_to(source).as_posix()} {size}\n".encode())
    return digest.hexdigest()[:16]
