"""Which columns a loaded dataset shows. No view decodes or copies a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from ggt_hf.data.format.schema import GT, JSON, LQ, MEMBERS
from ggt_hf.errors import FormatError
from ggt_hf.records import DEGRADATIONS, Degradation

if TYPE_CHECKING:
    from datasets import Dataset, Features, IterableDataset

Columns = Literal["pairs", "diffusers"]
"""``pairs``: lq, gt, json. ``diffusers``: cond_image, image, caption, as its training scripts
for image-to-image models name them."""

COLUMNS: tuple[Columns, ...] = get_args(Columns)

CAPTIONS: dict[Degradation, str] = {
    "mixed": "Restore this degraded photo to a clean, sharp one.",
    "rain": "Remove the rain from this photo and restore it.",
    "haze": "Remove the haze from this photo and restore it.",
    "snow": "Remove the snowfall from this photo and restore it.",
    "low_light": "Brighten this dark photo and remove its noise.",
    "old_photo": "Restore this old, damaged photo.",
}
"""The caption of a pair without a prompt, by category."""

COND_IMAGE, IMAGE, CAPTION = "cond_image", "image", "caption"


def diffusers_features() -> Features:
    """Return the columns of the ``diffusers`` view."""
    from datasets import Features, Image, Value

    return Features({COND_IMAGE: Image(), IMAGE: Image(), CAPTION: Value("string")})


def caption(record: dict[str, Any]) -> str:
    """Return the prompt of a pair's ``json`` column, or `CAPTIONS` of its category."""
    prompt = record["prompt"]
    return CAPTIONS[DEGRADATIONS[record["category"]]] if prompt is None else str(prompt)


def view_table(dataset: Dataset, columns: Columns) -> Dataset:
    """Return a map-style dataset of lq, gt, json with the wanted columns.

    Raises:
        FormatError: it has other columns.
    """
    from datasets import Value

    if columns == "pairs":
        return dataset
    _check(dataset.column_names)
    records = dataset.select_columns([JSON]).with_format("arrow")[:][JSON]
    pictures = dataset.select_columns([LQ, GT]).rename_columns({LQ: COND_IMAGE, GT: IMAGE})
    return pictures.add_column(CAPTION, _captions(records), feature=Value("string"))


def view_stream(dataset: IterableDataset, columns: Columns) -> IterableDataset:
    """Return a streaming dataset of lq, gt, json with the wanted columns.

    Raises:
        FormatError: it has other columns.
    """
    if columns == "pairs":
        return dataset
    _check(dataset.column_names)
    # Undecoded, or every picture would be decoded and encoded once for nothing; `cast` ends that.
    rows = dataset.decode(False).map(_diffusers_row, remove_columns=list(MEMBERS))
    return rows.cast(diffusers_features())


def _diffusers_row(row: dict[str, Any]) -> dict[str, Any]:
    return {COND_IMAGE: row[LQ], IMAGE: row[GT], CAPTION: caption(row[JSON])}


def _captions(records: Any) -> list[str]:
    """Return `caption` of each row of a chunked struct array, without making the structs."""
    import pyarrow.compute as pc

    prompts = pc.struct_field(records, "prompt").to_pylist()
    categories = pc.struct_field(records, "category").to_pylist()
    pairs = zip(prompts, categories, strict=True)
    return [caption({"prompt": prompt, "category": category}) for prompt, category in pairs]


def _check(found: list[str] | None) -> None:
    missing = [name for name in MEMBERS if name not in (found or ())]
    if missing:
        raise FormatError(
            f"The dataset has no column {', '.join(missing)}, which this view is made of.",
            hint="Load it with plain `datasets`, or build it with ggt build.",
        )
