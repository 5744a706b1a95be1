"""The candidates that a folder holds, and their pictures, read and proven."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from ggt_hf.errors import FormatError, IntegrityError, ReadError, SourceError
from ggt_hf.records import Candidate
from ggt_hf.stages import CANDIDATES, read_candidates


class CandidateFolder:
    """``candidates.jsonl`` and the pictures that lie beside it.

    Args:
        path: the file, or the folder that holds it.

    Raises:
        SourceError: there is no such file, or it lists nothing.
        FormatError: a line is no candidate, a key stands twice, or a path leads out of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path / CANDIDATES if path.is_dir() else path
        self.root = self.path.parent
        if not self.path.is_file():
            raise SourceError(
                f"There are no candidates at {self.path}.",
                hint="Make them first: ggt synth SOURCES OUT.",
            )
        self.candidates: Sequence[Candidate] = read_candidates(self.path)
        if not self.candidates:
            raise SourceError(
                f"{self.path} lists no candidate.", hint="Make them first: ggt synth SOURCES OUT."
            )
        _refuse_repeated(self.path, self.candidates)
        for candidate in self.candidates:
            _refuse_way_out(self.path, candidate)

    def read(self, candidate: Candidate) -> tuple[bytes, bytes]:
        """Return the encoded LQ and target of a candidate.

        Raises:
            ReadError: a picture is missing or cannot be read.
            IntegrityError: its bytes are not those that were written.
        """
        return read_pictures(self.root, candidate)

    def read_side(self, candidate: Candidate, side: Literal["lq", "gt"]) -> bytes:
        """Return one of the two; errors as for `read`."""
        return _read_side(self.root, candidate, side)


def read_pictures(root: Path, candidate: Candidate) -> tuple[bytes, bytes]:
    """Return the encoded LQ and target of a candidate below `root`; see `CandidateFolder.read`."""
    return _read_side(root, candidate, "lq"), _read_side(root, candidate, "gt")


def _read_side(root: Path, candidate: Candidate, side: Literal["lq", "gt"]) -> bytes:
    if side == "lq":
        return _read_proven(root / candidate.lq_path, candidate.lq_sha256)
    return _read_proven(root / candidate.gt_path, candidate.gt_sha256)


def _refuse_repeated(path: Path, candidates: Sequence[Candidate]) -> None:
    seen: set[str] = set()
    for candidate in candidates:
        if candidate.key in seen:
            raise FormatError(
                f"{path} lists the key {candidate.key} twice.",
                hint="Keys are unique; take one of the two lines away.",
            )
        seen.add(candidate.key)


def _refuse_way_out(path: Path, candidate: Candidate) -> None:
    # By its words, not by where it resolves to: a link that the user laid inside is meant.
    for name in (candidate.lq_path, candidate.gt_path):
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts or "\0" in name or not parts.parts:
            raise FormatError(
                f"{path}: {candidate.key} names {name!r}, which is not in its folder.",
                hint="Pictures lie below the folder of candidates.jsonl; move them there.",
            )


def _read_proven(path: Path, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReadError(
            f"{path} cannot be read: {error.strerror}.",
            hint="Bring the picture back, or run ggt synth again.",
        ) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise IntegrityError(
            f"{path} is not the picture that candidates.jsonl lists (its sha256 differs).",
            hint="Bring the picture back, or run ggt synth again.",
        )
    return data
