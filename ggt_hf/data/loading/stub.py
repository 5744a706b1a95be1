"""The stub: a folder ``ggt-100k`` that holds one README.md, whose YAML points at a dataset.

Where it lies, plain ``datasets.load_dataset("ggt-100k")`` loads that dataset. It holds no data.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ggt_hf.data.format.card import card_metadata
from ggt_hf.data.format.schema import CARD_PATH
from ggt_hf.data.loading.location import Location
from ggt_hf.errors import FormatError, UsageError

LINK_FIELD = "ggt_link"
"""The YAML field by which a stub is known: ``to`` and, on the Hub, ``revision``."""


def stub_text(location: Location, folder: Path, token: str | None = None) -> str:
    """Return the README.md of a stub at `folder` that points at `location`.

    A repository is pinned to its present commit, with the counts that `datasets` verifies.
    A folder given by a relative path is written relative to the stub, so that both can move
    together; its counts are left out, because it can be rebuilt.

    Raises:
        FormatError: there is no dataset of this format at `location`.
        HubError: the Hub refused, or cannot be asked.
    """
    import yaml

    with location.open(token) as store:
        location, metadata = location.pinned_to(store), card_metadata(store.info)
    base = location.base if location.on_hub else _folder_base(location.path, folder)
    for config in metadata["configs"]:
        for files in config["data_files"]:
            files["path"] = f"{base}/{files['path']}"
    if not location.on_hub:
        for entry in metadata["dataset_info"]:
            del entry["splits"]
    link = {"to": location.path, "revision": location.revision} if location.on_hub else {"to": base}
    head = yaml.safe_dump({LINK_FIELD: link, **metadata}, sort_keys=False, allow_unicode=True)
    return f"---\n# Written by `ggt link`, which also renews it.\n{head}---\n"


def read_link(folder: Path) -> Location | None:
    """Return where the stub at `folder` points; ``None`` if `folder` is no stub of ours.

    Raises:
        FormatError: the stub was edited, or the folder it points at is gone.
    """
    link = _front_matter(folder / CARD_PATH).get(LINK_FIELD)
    if link is None:
        return None
    try:
        to, revision = str(link["to"]), link.get("revision")
        if revision is not None:
            return Location.parse(f"hf://datasets/{to}", str(revision))
        return Location.parse(os.path.normpath(folder / to))
    except (KeyError, TypeError, AttributeError, UsageError) as error:
        raise FormatError(
            f"{folder / CARD_PATH} does not say where its dataset lies ({error}).",
            hint="Write it again with: ggt link --to ORG/NAME or --to FOLDER",
        ) from error


def write_stub(folder: Path, text: str) -> bool:
    """Write the stub at `folder`; return whether anything changed.

    Raises:
        UsageError: `folder` is something that ``ggt link`` did not write.
    """
    check_replaceable(folder)
    card = folder / CARD_PATH
    if card.is_file() and card.read_text(encoding="utf-8") == text:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    partial = card.with_name(f".{CARD_PATH}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(card)
    return True


def check_replaceable(folder: Path) -> None:
    """Make sure that nothing but a stub of ours would be overwritten at `folder`.

    Raises:
        UsageError: there is something else.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    ours = {CARD_PATH, f".{CARD_PATH}.partial"}
    if (
        not folder.is_symlink()
        and folder.is_dir()
        and {entry.name for entry in folder.iterdir()} <= ours
        and (not (folder / CARD_PATH).exists() or LINK_FIELD in _front_matter(folder / CARD_PATH))
    ):
        return
    raise UsageError(
        f"{folder} exists and is no stub that ggt link wrote.",
        hint="Move it away, or link in another directory.",
    )


def _folder_base(path: str, stub: Path) -> str:
    if Path(path).is_absolute():
        return Path(path).as_posix()
    return Path(os.path.relpath(path, stub)).as_posix()


def _front_matter(card: Path) -> dict[str, Any]:
    """Return the YAML head of a card; empty where there is none."""
    import yaml

    if not card.is_file():
        return {}
    try:
        lines = card.read_text(encoding="utf-8").splitlines()
        if not lines or lines[0] != "---" or "---" not in lines[1:]:
            return {}
        head = yaml.safe_load("\n".join(lines[1 : lines.index("---", 1)]))
    except (yaml.YAMLError, UnicodeDecodeError):
        return {}
    return head if isinstance(head, dict) else {}
