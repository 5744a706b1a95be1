"""Content-addressed files on disk: git blobs, LFS objects, Xet xorbs."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

Space = Literal["git", "lfs", "xorbs", "xet"]

BLOCK = 1 << 20


def git_blob_oid(data: bytes) -> str:
    """Name of a blob in git: sha1 over a header and the bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def lfs_pointer(oid: str, size: int) -> bytes:
    """The text that git stores in place of an LFS object."""
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"
    return text.encode()


class ObjectStore:
    """Files named by their content; a file appears whole or not at all."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.temporary = root / "tmp"
        self.temporary.mkdir(parents=True, exist_ok=True)

    def path(self, space: Space, oid: str) -> Path:
        """Where the object lies, or would lie."""
        return self.root / space / oid[:2] / oid

    def scratch(self) -> Path:
        """A fresh name for a file under construction."""
        return self.temporary / uuid.uuid4().hex

    def put(self, space: Space, oid: str, data: bytes) -> None:
        """Store bytes, replacing what lies there."""
        scratch = self.scratch()
        scratch.write_bytes(data)
        self.adopt(space, oid, scratch)

    def adopt(self, space: Space, oid: str, scratch: Path) -> None:
        """Move a finished file in, replacing what lies there."""
        path = self.path(space, oid)
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.replace(path)

    def join_lfs(self, parts: Iterable[Path], oid: str, size: int) -> bool:
        """Make an LFS object of its uploaded parts; False, and nothing stored, if it is another."""
        digest, joined = hashlib.sha256(), self.scratch()
        with joined.open("wb") as out:
            for part in parts:
                with part.open("rb") as file:
                    while block := file.read(BLOCK):
                        digest.update(block)
                        out.write(block)
                part.unlink()
        if digest.hexdigest() != oid or joined.stat().st_size != size:
            joined.unlink()
            return False
        self.adopt("lfs", oid, joined)
        return True

    def wipe(self, *spaces: Space) -> None:
        """Remove all objects of some spaces, and what was left under construction."""
        for name in (*spaces, self.temporary.name):
            shutil.rmtree(self.root / name, ignore_errors=True)
        self.temporary.mkdir(exist_ok=True)
