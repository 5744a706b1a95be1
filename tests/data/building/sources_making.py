"""What users have, small and real: paired folders, zips, manifests."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from tests.making import encoded, picture

SIZE = (48, 32)


def jpeg(seed: int, size: tuple[int, int] = SIZE) -> bytes:
    return encoded(picture(seed, *size), "JPEG", quality=90)


def png(seed: int, size: tuple[int, int] = SIZE) -> bytes:
    return encoded(picture(seed, *size), "PNG")


def pair_files(
    *stems: str, lq: str = "LQ", gt: str = "GT", size: tuple[int, int] = SIZE
) -> dict[str, bytes]:
    """Return path -> bytes of a JPEG and a PNG for each stem, such as ``rain/{}/0001``."""
    files = {}
    for seed, stem in enumerate(stems):
        files[stem.format(lq) + ".jpg"] = jpeg(seed, size)
        files[stem.format(gt) + ".png"] = png(seed, size)
    return files


def write_files(root: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def write_zip(path: Path, files: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return path


def tree_bytes(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
