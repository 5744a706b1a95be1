"""Answers kept on the disk, found again by everything that they depend on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any

from ggt_hf.vlm.chat import Answer, Chat, Picture, Settings, Usage

if TYPE_CHECKING:
    from PIL import Image

FORMAT = 1
"""Raised whenever an old entry would be read wrong."""


def default_folder() -> Path:
    """Return where answers are kept: GGT_CACHE, else a folder in HF_HOME."""
    named = os.environ.get("GGT_CACHE")
    if named:
        return Path(named).expanduser() / "vlm"
    from huggingface_hub import constants

    return Path(constants.HF_HOME) / "ggt" / "vlm"


class AnswerCache:
    """A folder of answers, one small file each.

    Files appear whole (written beside, then renamed), so many processes may share the folder, and
    a killed one leaves nothing half written. An unreadable entry counts as missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def key(self, identity: Mapping[str, Any], chat: Chat, settings: Settings) -> str:
        """Return the name of an answer: a hash of model, pictures, words and settings."""
        facts = {
            "format": FORMAT,
            "identity": dict(identity),
            "pictures": [fingerprint(picture) for picture in chat.pictures],
            "turns": [[turn.role, turn.text] for turn in chat.turns],
            "settings": asdict(settings),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def get(self, key: str) -> Answer | None:
        """Return the answer kept under `key`, if any."""
        try:
            fields = json.loads(self._path(key).read_text())
            return Answer(**fields | {"usage": Usage(**fields["usage"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def put(self, key: str, answer: Answer) -> None:
        """Keep an answer."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}")
        partial.write_text(json.dumps(asdict(answer), ensure_ascii=False))
        partial.replace(path)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"


def fingerprint(picture: Picture) -> str:
    """Return a hash of the picture: of its file, or of mode, size and pixels."""
    if isinstance(picture, bytes):
        return hashlib.sha256(picture).hexdigest()
    return _pixel_hash(picture)


def _pixel_hash(picture: Image.Image) -> str:
    head = f"{picture.mode} {picture.width} {picture.height} ".encode()
    return hashlib.sha256(head + picture.tobytes()).hexdigest()
