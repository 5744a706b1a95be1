"""`load_dataset`: what `datasets.load_dataset` does, with the bare name, views and overlays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggt_hf.data.loading.bare_name import BARE_NAME, resolve_bare_name
from ggt_hf.data.loading.location import Location
from ggt_hf.data.loading.views import COLUMNS, Columns, view_stream, view_table
from ggt_hf.data.reading.overlay_file import read_overlay
from ggt_hf.data.reading.overlays import Overlay
from ggt_hf.errors import UsageError

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset


def load_dataset(
    path: str | Path = BARE_NAME,
    name: str | None = None,
    *,
    split: Any = None,
    streaming: bool = False,
    columns: Columns = "pairs",
    overlay: str | Path | Overlay | None = None,
    revision: str | None = None,
    token: str | None = None,
    **options: Any,
) -> Any:
    """Load pairs as `datasets.load_dataset` does, which does the work.

    Example::

        from ggt_hf import load_dataset

        pairs = load_dataset("ggt-100k", "rain", split="train", streaming=True)
        next(iter(pairs))["lq"]  # a PIL picture

    Args:
        path: a folder, ``namespace/name`` on the Hub, or the bare name ``ggt-100k``: the folder
            ``./ggt-100k``, else what ``ggt link --everywhere`` set, else the embedded sample.
        name: ``default`` (every category; the default), or one category, such as ``rain``.
        split: as in `datasets`; ``None`` gives a dictionary of all splits.
        streaming: read while iterating, and store nothing.
        columns: ``pairs`` = lq, gt, json; ``diffusers`` = cond_image, image, caption, where a
            pair without a prompt gets the caption of its category (`views.CAPTIONS`).
        overlay: corrections to apply, a file or an `Overlay`.
        revision: commit, tag or branch of the repository.
        token: Hub token; ``None`` = HF_TOKEN or the stored one.
        **options: handed to `datasets.load_dataset`, such as ``cache_dir`` or ``num_proc``.

    Returns:
        `Dataset` or `DatasetDict`; with `streaming`, `IterableDataset` or `IterableDatasetDict`.
        Undecoded (``.decode(False)``), a picture's ``path`` is its pair's key and the suffix.

    Raises:
        UsageError: an argument that cannot be meant.
        FormatError: the overlay does not fit, or the dataset has other columns than the view.
    """
    import datasets

    if columns not in COLUMNS:
        raise UsageError(
            f"columns={columns!r} is no view.", hint=f"Take one of: {', '.join(COLUMNS)}"
        )
    if str(path) == BARE_NAME:
        location = resolve_bare_name(revision)
        path, revision = location.path, location.revision
    if overlay is not None:
        overlay = overlay if isinstance(overlay, Overlay) else read_overlay(overlay)
        location = _fitting(overlay, Location.parse(path, revision), token)
        path, revision = location.path, location.revision
    loaded = datasets.load_dataset(
        str(path), name, split=split, streaming=streaming, revision=revision, token=token, **options
    )
    return _each(loaded, lambda dataset: _shown(dataset, overlay, columns))


def _fitting(overlay: Overlay, location: Location, token: str | None) -> Location:
    """Prove that the overlay fits, and return the location pinned to what it was proven against."""
    with location.open(token) as store:
        overlay.check(store.info, store.name)
        overlay.apply(store.manifest)
        return location.pinned_to(store)


def _shown(dataset: Dataset | IterableDataset, overlay: Overlay | None, columns: Columns) -> Any:
    import datasets

    from ggt_hf.data.loading.overlaid import overlaid_stream, overlaid_table

    streaming = isinstance(dataset, datasets.IterableDataset)
    if overlay is None:
        return (view_stream if streaming else view_table)(dataset, columns)
    return (overlaid_stream if streaming else overlaid_table)(dataset, overlay, columns)


def _each(loaded: Any, change: Callable[[Any], Any]) -> Any:
    """Apply `change` to each dataset of what `datasets.load_dataset` returned."""
    if isinstance(loaded, dict):
        return type(loaded)({split: change(dataset) for split, dataset in loaded.items()})
    if isinstance(loaded, list):
        return [change(dataset) for dataset in loaded]
    return change(loaded)
