"""The data set that the tests of the server push: a card, a text file, two shards."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

REPO = "ggt/pairs"
PART = 200_000
"""Part size that makes a multipart upload of a shard."""


def shard(keys: range) -> bytes:
    """A webdataset tar: two members a key, 30 kB each key."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for key in keys:
            for suffix, data in (("bin", os.urandom(30_000)), ("json", b'{"n": %d}' % key)):
                member = tarfile.TarInfo(f"{key:04d}.{suffix}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def write_folder(root: Path) -> None:
    """Write the data set; 20 samples in all."""
    (root / "data").mkdir(parents=True)
    (root / "README.md").write_text("---\ntags:\n- image-restoration\n---\n# Pairs\n")
    (root / "meta.json").write_text('{"version": 1}')
    for i in range(2):
        name = f"train-{i:05d}-of-00002.tar"
        (root / "data" / name).write_bytes(shard(range(10 * i, 10 * i + 10)))
