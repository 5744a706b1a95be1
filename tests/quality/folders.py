"""Folders of candidates, made in code."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ggt_hf.records import Candidate, Degradation
from tests.making import encoded, picture

Pixels = NDArray[np.uint8]


def make_candidate(
    root: Path,
    key: str,
    lq: Pixels,
    gt: Pixels,
    *,
    source_key: str | None = None,
    degradation: Degradation = "rain",
    form: str = "PNG",
) -> Candidate:
    """A candidate whose two pictures lie below `root`."""
    paths, hashes = [], []
    for side, pixels in (("lq", lq), ("gt", gt)):
        path = root / "pictures" / f"{key}.{side}.{form.lower()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = encoded(pixels, form)
        path.write_bytes(data)
        paths.append(str(path.relative_to(root)))
        hashes.append(hashlib.sha256(data).hexdigest())
    height, width = gt.shape[:2]
    return Candidate(
        key=key,
        source_key=source_key or key,
        lq_path=paths[0],
        gt_path=paths[1],
        degradation=degradation,
        width=width,
        height=height,
        lq_sha256=hashes[0],
        gt_sha256=hashes[1],
        prompt=f"Restore {key}.",
        editor_id="tests",
        editor_revision="1",
        seed=0,
        fed_width=width,
        fed_height=height,
        fed_sha256="0" * 64,
        regridded=False,
        license="CC0-1.0",
        credit="The tests",
    )


def write_candidates(root: Path, candidates: list[Candidate]) -> Path:
    """``candidates.jsonl`` in `root`."""
    lines = [json.dumps(asdict(candidate)) + "\n" for candidate in candidates]
    (root / "candidates.jsonl").write_text("".join(lines))
    return root


def make_folder(root: Path, count: int, *, size: tuple[int, int] = (96, 64)) -> Path:
    """`count` candidates; each LQ is a third as bright as its target."""
    made = []
    for index in range(count):
        gt = picture(index, *size)
        made.append(make_candidate(root, f"pair-{index:03d}", (gt // 3).astype(np.uint8), gt))
    return write_candidates(root, made)
