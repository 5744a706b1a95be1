"""Where a metric's weights lie, whether they are what they should be, and what to do without."""

from __future__ import annotations

import hashlib
import os
from importlib.util import find_spec
from pathlib import Path

from ggt_hf.errors import IntegrityError, ReadError
from ggt_hf.metrics.table import Metric, WeightFile

_HUB = "hf:"


def offline() -> bool:
    """Say whether HF_HUB_OFFLINE forbids to fetch anything."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def place(file: WeightFile) -> Path:
    """Return where the metric's own code looks for `file`, there or not; not for the Hub's."""
    if file.folder.startswith("~"):
        return Path(file.folder).expanduser() / file.name
    from torch.hub import get_dir

    return Path(get_dir()) / file.folder / file.name


def found(file: WeightFile) -> Path | None:
    """Return the file where it lies: in its place, or in the package that carries it."""
    if file.folder.startswith(_HUB):
        return _in_hub_cache(file)
    if (path := place(file)).is_file():
        return path
    if file.package is None:
        return None
    module, _, inside = file.package.partition(":")
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return None
    copy = Path(spec.submodule_search_locations[0]) / inside
    return copy if copy.is_file() else None


def refuse_missing(metric: Metric) -> None:
    """Raise `ReadError` where a file is missing, naming it and its place."""
    for file in metric.weights:
        if found(file) is None:
            raise missing(metric, file)


def missing(metric: Metric, file: WeightFile) -> ReadError:
    """Return the error of a file that is not there."""
    known = f" ({file.num_bytes / 1e6:,.0f} MB)" if file.num_bytes else ""
    what = f"{metric.title} needs {file.name}{known}"
    if file.folder.startswith(_HUB):
        repo = file.folder.removeprefix(_HUB)
        return ReadError(
            f"{what} of {repo}, which is not in the Hub's cache.",
            hint=f"Run: hf download {repo} {file.name}",
        )
    package = (file.package or "").partition(":")[0].replace("_", "-")
    instead = f", or run: pip install --no-deps {package}" if package else ""
    return ReadError(
        f"{what}, which is not at {place(file)}.",
        hint=f"Fetch {file.url} and put it there{instead}.",
    )


def hashes(metric: Metric) -> dict[str, str]:
    """Return name -> SHA-256 of the files that are there.

    Raises:
        IntegrityError: a file is not the published one.
    """
    made = {}
    for file in metric.weights:
        path = found(file)
        if path is None:
            continue
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if not digest.startswith(file.sha256 or ""):
            raise IntegrityError(
                f"{path} has the sha256 {digest[:12]}… instead of {str(file.sha256)[:12]}…, so "
                f"scores of {metric.title} would not be comparable.",
                hint=f"Remove it, and fetch {file.url} again.",
            )
        made[file.name] = digest
    return made


def _in_hub_cache(file: WeightFile) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(file.folder.removeprefix(_HUB), file.name)
    return Path(cached) if isinstance(cached, str) else None
