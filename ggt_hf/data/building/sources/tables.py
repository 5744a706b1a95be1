"""A dataset of the `datasets` library with two image columns: a folder, or a repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggt_hf.data.building.sources.blobs import MAX_NUM_BYTES, Blob, FileBlob, RowBlob
from ggt_hf.data.building.sources.labels import COLUMNS, Labeller, PairSource
from ggt_hf.data.building.sources.listing import Listing
from ggt_hf.data.building.sources.problems import Problem
from ggt_hf.errors import GgtError, SourceError

if TYPE_CHECKING:
    import datasets

_USUAL_COLUMNS = (
    ("lq", "gt"),
    ("lq", "hq"),
    ("lr", "hr"),
    ("input", "target"),
    ("input", "output"),
    ("input", "gt"),
    ("degraded", "clean"),
    ("cond_image", "image"),
    ("conditioning_image", "image"),
    ("input_image", "target_image"),
    ("input_image", "output_image"),
    ("input_image", "edited_image"),
    ("original_image", "edited_image"),
    ("image", "target"),
    ("image", "label"),
)
_SAVED = ("dataset_dict.json", "state.json")
"""What `save_to_disk` leaves in a folder."""
_BATCH = 1000


def is_table_folder(folder: Path) -> bool:
    """Say whether a folder was written by `save_to_disk`, or holds parquet or arrow files."""
    return any((folder / name).is_file() for name in _SAVED) or any(
        path.suffix in (".parquet", ".arrow")
        for pattern in ("*", "*/*")
        for path in folder.glob(pattern)
    )


def list_table(
    src: str, labeller: Labeller, *, columns: tuple[str | None, str | None], revision: str | None
) -> Listing:
    """Return the pairs of a dataset's rows. Cells are read when needed, and never decoded.

    A repository is prepared by `load_dataset` in the cache of `datasets`, as always.

    Args:
        src: a folder, or ``NAMESPACE/NAME`` on the Hub.
        labeller: completes the records.
        columns: names of the LQ and the GT column; ``None``: one of the usual names.
        revision: commit, tag or branch of the repository.

    Raises:
        SourceError: it does not load, or has no two image columns.
    """
    listing = Listing()
    for split, table in _splits(src, revision).items():
        lq, gt = _image_columns(src, table, columns)
        for row in _rows(src, split, table, lq, gt):
            try:
                listing.pairs.append(row.pair(labeller))
            except GgtError as error:
                listing.problems.append(Problem.of(error, row.name))
    return listing


def _splits(src: str, revision: str | None) -> dict[str, datasets.Dataset]:
    import datasets

    try:
        if any((Path(src) / name).is_file() for name in _SAVED):
            loaded = datasets.load_from_disk(src)
        else:
            loaded = datasets.load_dataset(src, revision=revision)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise SourceError(
            f"{src} does not load as a dataset ({error}).",
            hint="Give a folder, a zip, a manifest, or a repository that load_dataset takes.",
        ) from error
    if isinstance(loaded, datasets.Dataset):
        return {str(loaded.split or "train"): loaded}
    return {str(name): table for name, table in loaded.items()}


def _image_columns(
    src: str, table: datasets.Dataset, asked: tuple[str | None, str | None]
) -> tuple[str, str]:
    from datasets import Image

    images = [name for name, feature in table.features.items() if isinstance(feature, Image)]
    lq, gt = asked
    candidates = [(lq, gt)] if lq and gt else list(_USUAL_COLUMNS)
    for first, second in candidates:
        if first in images and second in images:
            return str(first), str(second)
    raise SourceError(
        f"{src} has no two image columns that say which is which (image columns: "
        f"{', '.join(images) or 'none'}; all columns: {', '.join(table.column_names)}).",
        hint="Name them with --lq-column and --gt-column.",
    )


class _Row:
    """One row, its cells not yet read."""

    def __init__(self, name: str, fallback_key: str, split: str, fields: Mapping[str, Any]) -> None:
        self.name = name
        self.fallback_key = fallback_key
        self.split = split
        self.fields = fields

    def pair(self, labeller: Labeller) -> PairSource:
        """Return the pair, or raise what is wrong with the row."""
        columns = dict(self.fields)
        lq, gt = columns.pop("lq"), columns.pop("gt")
        for side, blob in (("lq", lq), ("gt", gt)):
            if isinstance(blob, SourceError):
                raise blob
            if blob.num_bytes > MAX_NUM_BYTES:
                raise SourceError(f"{self.name} has a {side} too large.", hint="Leave it out.")
        # A split's name is no folder, but says the same things.
        reading = labeller.vocabulary.read(f"{self.split}/row")
        columns["split"] = columns.get("split") or (
            None if reading.splits or self.split == "train" else self.split
        )
        info = labeller.info(self.fallback_key, reading, columns, source=self.name)
        return PairSource(info=info, lq=lq, gt=gt)


def _rows(src: str, split: str, table: datasets.Dataset, lq: str, gt: str) -> Iterator[_Row]:
    from datasets import ClassLabel

    undecoded = table.with_format("arrow")
    mark = f"fingerprint:{table._fingerprint}"
    labels = {name: f for name, f in table.features.items() if isinstance(f, ClassLabel)}
    told = [name for name in COLUMNS if name in table.column_names]
    title = Path(src).name if Path(src).exists() else src
    number = 0
    for batch in undecoded.select_columns([lq, gt, *told]).iter(batch_size=_BATCH):
        cells = {side: _cells(batch.column(column)) for side, column in (("lq", lq), ("gt", gt))}
        values = batch.select(told).to_pylist()
        for index in range(batch.num_rows):
            name = f"{title}/{split}/{number}"
            fields = dict(values[index])
            for column in labels.keys() & fields.keys():
                if fields[column] is not None:
                    fields[column] = labels[column].int2str(fields[column])
            for side, column in (("lq", lq), ("gt", gt)):
                size, path = cells[side][index]
                fields[side] = _blob(
                    f"{name}/{column}", undecoded, number, column, size, path, mark
                )
            yield _Row(name, f"{split}-{number:06d}", split, fields)
            number += 1


def _cells(column: Any) -> list[tuple[int | None, str | None]]:
    """Return (length of bytes, path) of image cells, without touching the bytes."""
    import pyarrow.compute as pc

    sizes = pc.binary_length(pc.struct_field(column, "bytes")).to_pylist()
    return list(zip(sizes, pc.struct_field(column, "path").to_pylist(), strict=True))


def _blob(
    name: str, table: Any, row: int, column: str, size: int | None, path: str | None, mark: str
) -> Blob | SourceError:
    if size is not None:
        return RowBlob(name=name, table=table, row=row, column=column, num_bytes=size, mark=mark)
    try:
        return FileBlob.of(name, str(path), Path(str(path)).stat())
    except OSError:
        return SourceError(f"{name} is empty.", hint="Leave this row out, or fill it.")
