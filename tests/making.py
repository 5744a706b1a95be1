"""Small real things for tests: encoded pictures, pairs, and whole datasets on disk."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from ggt_hf.data.building.shards import write_shard
from ggt_hf.data.format.card import card_metadata
from ggt_hf.data.format.manifest import Manifest, dataset_info
from ggt_hf.data.format.schema import CARD_PATH, INFO_PATH, MANIFEST_PATH, shard_path
from ggt_hf.records import Degradation, Pair, PairInfo


def picture(seed: int, width: int = 48, height: int = 32) -> NDArray[np.uint8]:
    """A smooth colour field with fine noise: RGB uint8 (H, W, 3); each seed another picture."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    noisy = np.asarray(smooth, dtype=np.int16) + rng.integers(-6, 7, (height, width, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def encoded(pixels: NDArray[np.uint8], form: str = "PNG", **options: object) -> bytes:
    """`pixels` as the bytes of a picture file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def make_pair(
    index: int,
    degradation: Degradation = "rain",
    split: str = "train",
    *,
    size: tuple[int, int] = (48, 32),
    form: str = "JPEG",
) -> Pair:
    """A pair whose GT is `picture(index)` and whose LQ is a darker version of it."""
    gt = picture(index, *size)
    info = PairInfo(
        key=f"{split}-{degradation}-{index:04d}",
        split=split,
        degradation=degradation,
        prompt=f"Restore picture {index}.",
        scores={"psnr": 20.0 + index / 8},
        license="CC0-1.0",
        origin="synthetic",
        source=f"made/{index}.png",
    )
    return Pair(info=info, lq=encoded((gt // 2).astype(np.uint8), form), gt=encoded(gt, "PNG"))


def make_dataset(root: Path, pairs: Iterable[Pair], *, pairs_a_shard: int = 4) -> Path:
    """A complete dataset at `root`: shards of at most `pairs_a_shard` pairs, meta and card."""

    def place(pair: Pair) -> tuple[str, str]:
        return pair.info.degradation, pair.info.split

    shards, rows = [], []
    ordered = sorted(pairs, key=lambda pair: (*place(pair), pair.info.key))
    for (category, split), group in groupby(ordered, key=place):
        for path, members in _cut(category, split, list(group), pairs_a_shard):
            shard, new = write_shard(root, path, members)
            shards.append(shard)
            rows.extend(new)
    manifest = Manifest.from_rows(rows).to_parquet()
    info = dataset_info(manifest, shards)
    head = yaml.safe_dump(card_metadata(info), sort_keys=False)
    (root / "meta").mkdir()
    (root / MANIFEST_PATH).write_bytes(manifest)
    (root / CARD_PATH).write_text(f"---\n{head}---\n# A dataset made by a test\n")
    (root / INFO_PATH).write_bytes(info.to_json())
    return root


def _cut(
    category: Degradation, split: str, pairs: Sequence[Pair], size: int
) -> Iterable[tuple[str, Sequence[Pair]]]:
    count = -(-len(pairs) // size)
    for index in range(count):
        start = index * size
        yield shard_path(category, split, index, count), pairs[start : start + size]
