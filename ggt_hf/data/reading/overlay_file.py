"""The YAML of an overlay, read with suspicion: it may come from anybody."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NoReturn, cast

from ggt_hf.data.format.schema import GT, LQ, is_key
from ggt_hf.data.reading.overlays import Overlay, Replacement
from ggt_hf.errors import FormatError, ReadError
from ggt_hf.records import DEGRADATIONS, Degradation

if TYPE_CHECKING:
    import yaml

_SECTIONS = ("drop", "replace", "relabel")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def read_overlay(path: str | Path) -> Overlay:
    """Read an overlay.

    Every scalar is text, so that a key such as ``0017`` or ``on`` stays what it is.

    Raises:
        FormatError: it is no overlay, or a path in it leads out of its folder.
        ReadError: it cannot be read.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReadError(
            f"The overlay {path} cannot be read: {error.strerror}.", hint="Check its path."
        ) from error
    return _OverlayParser(path).parse(data)


class _OverlayParser:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.resolve().parent
        self.reasons: dict[str, str] = {}

    def parse(self, data: bytes) -> Overlay:
        fields = self._mapping(self._yaml(data), "the file")
        self._only(fields, {"of", *_SECTIONS}, "the file")
        of = self._hash(fields.get("of"), "`of`")
        drop, replace, relabel = (self._entries(fields, section) for section in _SECTIONS)
        overlay = Overlay(
            name=str(self.path),
            of=of,
            dropped=frozenset(self._drop(key, entry) for key, entry in drop.items()),
            replaced={key: self._replace(key, entry) for key, entry in replace.items()},
            relabelled={key: self._relabel(key, entry) for key, entry in relabel.items()},
            reasons=self.reasons,
        )
        both = sorted(overlay.dropped & overlay.edited)
        if both:
            self._refuse(f"{both[0]} is dropped and corrected at once")
        return overlay

    def _yaml(self, data: bytes) -> Any:
        import yaml

        try:
            return yaml.load(data, _text_loader())
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            self._refuse(f"it is no YAML ({' '.join(str(error).split())})", error)

    def _entries(self, fields: dict[str, Any], section: str) -> dict[str, Any]:
        # An empty section, `drop:`, reads as empty text.
        entries = self._mapping(fields.get(section) or {}, f"`{section}`")
        for key in entries:
            if not is_key(key):
                self._refuse(f"{key!r} in `{section}` is no key")
        return entries

    def _drop(self, key: str, reason: Any) -> str:
        self._reason(key, reason)
        return key

    def _relabel(self, key: str, entry: Any) -> Degradation:
        fields = self._mapping(entry, key)
        self._only(fields, {"category", "reason"}, key)
        self._reason(key, fields.get("reason"))
        category = fields.get("category")
        if category not in DEGRADATIONS:
            self._refuse(f"{key} gets the category {category!r}, not {', '.join(DEGRADATIONS)}")
        return cast("Degradation", category)

    def _replace(self, key: str, entry: Any) -> dict[str, Replacement]:
        fields = self._mapping(entry, key)
        self._only(fields, {LQ, GT, "reason"}, key)
        self._reason(key, fields.pop("reason", None))
        if not fields:
            self._refuse(f"{key} is replaced by neither an lq nor a gt")
        return {member: self._replacement(key, value) for member, value in fields.items()}

    def _replacement(self, key: str, value: Any) -> Replacement:
        fields = self._mapping(value, key)
        self._only(fields, {"path", "sha256"}, key)
        text = fields.get("path")
        if not isinstance(text, str) or not text or "\0" in text or "\\" in text:
            self._refuse(f"{key} has no usable path ({text!r})")
        file = (self.folder / PurePosixPath(text)).resolve()
        if not file.is_relative_to(self.folder):
            self._refuse(f"the path {text!r} of {key} leads out of the overlay's folder")
        return Replacement(path=file, sha256=self._hash(fields.get("sha256"), key))

    def _hash(self, text: Any, where: str) -> str:
        if not isinstance(text, str) or not _SHA256.fullmatch(text):
            self._refuse(f"{where} needs a SHA-256 of 64 small hexadecimal digits, not {text!r}")
        return text

    def _reason(self, key: str, reason: Any) -> None:
        if not isinstance(reason, str) or not reason.strip():
            self._refuse(f"{key} is corrected without a reason")
        self.reasons[key] = "; ".join(filter(None, (self.reasons.get(key), reason)))

    def _mapping(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
            self._refuse(f"{where} is no mapping of names")
        return dict(value)

    def _only(self, fields: dict[str, Any], known: set[str], where: str) -> None:
        unknown = sorted(fields.keys() - known)
        if unknown:
            self._refuse(f"{where} has the unknown field {unknown[0]!r}")

    def _refuse(self, cause: str, error: Exception | None = None) -> NoReturn:
        raise FormatError(
            f"{self.path} is no overlay: {cause}.",
            hint="Fields are of, drop, replace, relabel; see help(ggt_hf.data.reading.overlays).",
        ) from error


def _text_loader() -> type[yaml.BaseLoader]:
    """Return a loader that reads each scalar as text and refuses a key given twice."""
    import yaml

    class TextLoader(yaml.BaseLoader):
        def construct_mapping(
            self, node: yaml.MappingNode, deep: bool = False
        ) -> dict[Hashable, Any]:
            mapping = super().construct_mapping(node, deep=deep)
            if len(mapping) < len(node.value):
                raise yaml.constructor.ConstructorError(
                    None, None, "a name is given twice", node.start_mark
                )
            return mapping

    return TextLoader
