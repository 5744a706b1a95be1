"""The pictures of a shard: each decoded whole, and both of a pair compared."""

from __future__ import annotations

from ggt_hf.data.format.manifest import PairRow
from ggt_hf.data.format.schema import GT, LQ, member_name
from ggt_hf.data.regions import seek_index
from ggt_hf.data.regions.cell_list import list_cells
from ggt_hf.data.regions.jpeg import parse_head
from ggt_hf.data.validation.report import Ledger
from ggt_hf.errors import ImageError
from ggt_hf.images import ImageInfo, verify

MAX_BYTES = 512 * 1024 * 1024
"""The largest encoded picture that is decoded: above what any allowed picture takes."""

_REPLACE = "Export the picture again, and build the shard again."


def decode_whole(data: bytes, name: str, ledger: Ledger) -> ImageInfo | None:
    """Decode a picture to its last pixel; ``None``, with a finding, where that fails."""
    try:
        return verify(data, name)
    except ImageError as error:
        ledger.add("pixels", error.message, error.hint, subject=name)
    except Exception as error:  # Decoders meet hostile bytes here; whatever they raise is news.
        cause = f"its decoder failed with {type(error).__name__}: {error}"
        ledger.add("pixels", cause, _REPLACE, subject=name)
    return None


def check_pair(
    key: str, pictures: dict[str, ImageInfo], row: PairRow | None, ledger: Ledger
) -> None:
    """Compare the two pictures of a pair with each other and with their manifest row."""
    lq, gt = pictures.get(LQ), pictures.get(GT)
    if lq is not None and gt is not None:
        _check_alignment(key, lq, gt, ledger)
    for suffix, picture in pictures.items():
        name = member_name(key, suffix)
        if picture.mode != "RGB":
            ledger.add(
                "pixels",
                f"its mode is {picture.mode}: stock readers give another number of channels",
                "Convert it with ImageOps or `.convert('RGB')` when loading.",
                subject=name,
                severity="warning",
            )
        if row is not None:
            _check_row(name, suffix, picture, row, ledger)


def check_index(data: bytes, name: str, told: bytes | None, ledger: Ledger) -> None:
    """Compare the seek index that the manifest has of a picture, if any, with the picture.

    A wrong one makes reading a crop slow, or shows another part of the picture.
    """
    if told is None:
        return
    found = seek_index(data)
    head = parse_head(data) if found else None
    if found is None:
        cause = "the manifest has a seek index of it, but no part of it decodes alone"
    elif told != found:
        cause = (
            f"its seek index in the manifest ({len(told):,} bytes) does not say where its parts "
            f"lie ({len(found):,} bytes)"
        )
    elif head and head.cell_list and head.cell_list != list_cells(data):
        cause = "the list of restart cells in its header does not fit its restart markers"
    else:
        return
    ledger.add("pixels", cause, "Build again with ggt build --seekable.", subject=name)


def _check_alignment(key: str, lq: ImageInfo, gt: ImageInfo, ledger: Ledger) -> None:
    if (lq.width, lq.height) != (gt.width, gt.height):
        cause = f"lq is {lq.width}x{lq.height}, gt {gt.width}x{gt.height}: they are no pair"
        ledger.add("pixels", cause, _REPLACE, subject=key)
    if lq.orientation != gt.orientation:
        cause = (
            f"the EXIF orientations differ (lq {lq.orientation}, gt {gt.orientation}): datasets "
            "turns the pictures and webdataset does not, so one of them sees no aligned pair"
        )
        ledger.add(
            "pixels", cause, "Turn the pixels losslessly (jpegtran), then build.", subject=key
        )
    elif lq.orientation != 1:
        cause = (
            f"EXIF orientation {lq.orientation}: datasets turns both pictures, webdataset neither"
        )
        hint = "Turn the pixels losslessly (jpegtran -rotate), then build again."
        ledger.add("pixels", cause, hint, subject=key, severity="warning")


def _check_row(name: str, suffix: str, picture: ImageInfo, row: PairRow, ledger: Ledger) -> None:
    told = (row.lq_format if suffix == LQ else row.gt_format, row.width, row.height)
    found = (picture.format, picture.width, picture.height)
    if told != found:
        cause = f"it is {_words(found)}, the manifest says {_words(told)}"
        ledger.add("pixels", cause, "Build the dataset again with ggt build.", subject=name)


def _words(facts: tuple[str, int, int]) -> str:
    form, width, height = facts
    return f"{form} {width}x{height}"
