"""From a recipe to open pairs, and to what the record says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggt_hf.data.streaming.mixing import Mix, Repeated
from ggt_hf.data.streaming.stream import PairStream
from ggt_hf.data.streaming.transforms import RandomGeometry
from ggt_hf.errors import UsageError
from ggt_hf.training.recipe import DataRecipe, PairsRecipe, PhotographsRecipe, ValidationRecipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ggt_hf.data.streaming.batches import PairSource
    from ggt_hf.data.streaming.pairs import Shuffle


_LONG_EPOCH = 1000
"""Batches of an epoch, at least: at its end, a step waits for a batch that nobody made ahead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedSource:
    """A source of pairs, and what is to be known of it."""

    pairs: PairSource
    """The pairs."""
    facts: dict[str, Any]
    """What it is, as JSON holds it: name, revision and hashes, counts, licences."""


def open_training(data: DataRecipe, seed: int) -> tuple[PairStream, list[dict[str, Any]]]:
    """Open what is trained on; a stream takes its rank from the process group or environment.

    Returns:
        The stream, mixed where there are several sources; and the facts of each source.

    Raises:
        GgtError: a source cannot be opened, or gives no pair; see `pairs.open_pairs`.
    """
    geometry = RandomGeometry(crop=data.crop, flip=data.flip, rotate=data.rotate)
    opened = [
        open_source(source, geometry, shuffle=data.shuffle, seed=seed) for source in data.sources
    ]
    parts = [source.pairs for source in opened]
    mixed = Mix(parts, data.ratio, stop=data.stop, seed=seed) if len(parts) > 1 else parts[0]
    stream = PairStream(mixed, batch_size=data.batch_size, drop_last=True, on_error=data.on_error)
    if not len(stream):
        raise UsageError(
            f"An epoch has {len(mixed)} pairs, and {stream.world_size} processes want batches "
            f"of {data.batch_size}.",
            hint="Lower data.batch_size, or give more data (repeats, for photographs).",
        )
    if len(stream) < _LONG_EPOCH:
        stream = PairStream(
            Repeated(mixed, -(-_LONG_EPOCH // len(stream))),
            batch_size=data.batch_size,
            drop_last=True,
            on_error=data.on_error,
        )
    return stream, [source.facts for source in opened]


def open_source(
    recipe: PairsRecipe | PhotographsRecipe,
    geometry: RandomGeometry,
    *,
    shuffle: Shuffle | None,
    seed: int,
) -> OpenedSource:
    """Open one source.

    Raises:
        GgtError: it cannot be opened, or gives no pair.
    """
    if isinstance(recipe, PhotographsRecipe):
        return _open_photographs(recipe, geometry, seed)
    return _open_pairs(recipe, geometry, shuffle, seed)


def _open_pairs(
    recipe: PairsRecipe, geometry: RandomGeometry, shuffle: Shuffle | None, seed: int
) -> OpenedSource:
    from ggt_hf.data.loading.bare_name import BARE_NAME, resolve_bare_name
    from ggt_hf.data.loading.location import Location
    from ggt_hf.data.reading.overlay_file import read_overlay
    from ggt_hf.data.streaming.pairs import DatasetPairs
    from ggt_hf.data.streaming.selection import select

    bare = recipe.pairs == BARE_NAME
    revision = recipe.revision
    location = resolve_bare_name(revision) if bare else Location.parse(recipe.pairs, revision)
    store = location.open()
    manifest, overlay = store.manifest, None
    if recipe.overlay is not None:
        overlay = read_overlay(recipe.overlay)
        overlay.check(store.info, store.name)
        manifest = overlay.apply(manifest)
    filters = recipe.model_dump(include={"categories", "min_scores", "max_scores", "min_size"})
    manifest = select(manifest, split=recipe.split, licenses=recipe.licenses, **filters)
    pairs = DatasetPairs(
        store, manifest, shuffle=shuffle, seed=seed, geometry=geometry, overlay=overlay
    )
    columns = manifest.table.select(["license", "origin", "category"]).to_pydict()
    facts = {
        "pairs": recipe.pairs if location.on_hub or bare else Path(location.path).name,
        "on_hub": location.on_hub,
        "revision": store.revision,
        "root_hash": store.info.root_hash,
        "split": recipe.split,
        "num_pairs": len(pairs),
        "licenses": dict(Counter(columns["license"]).most_common()),
        "origins": dict(Counter(columns["origin"]).most_common()),
        "categories": dict(Counter(columns["category"]).most_common()),
        "filters": recipe.model_dump(exclude_defaults=True, exclude={"pairs", "revision", "split"}),
    }
    return OpenedSource(pairs=pairs, facts=facts)


def _open_photographs(
    recipe: PhotographsRecipe, geometry: RandomGeometry, seed: int
) -> OpenedSource:
    from ggt_hf.data.streaming.simulated import SimulatedPairs
    from ggt_hf.degradation import REVISION

    pairs = SimulatedPairs(
        recipe.photographs,
        geometry,
        degradations=recipe.degradations,
        repeats=recipe.repeats,
        seed=seed,
    )
    facts = {
        "photographs": Path(recipe.photographs).name,
        "num_photographs": len(pairs) // recipe.repeats,
        "repeats": recipe.repeats,
        "simulator": REVISION,
        "categories": list(recipe.degradations),
        "fingerprint": pairs.fingerprint,
    }
    return OpenedSource(pairs=pairs, facts=facts)


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldPair:
    """A pair that is kept for validation: RGB ``uint8``, ``(H, W, 3)``, both of one size."""

    key: str
    """Names it."""
    lq: NDArray[np.uint8]
    """The input."""
    gt: NDArray[np.uint8]
    """The truth."""


def open_validation(
    recipe: ValidationRecipe | None, crop: int, seed: int
) -> tuple[Sequence[HeldPair], dict[str, Any] | None]:
    """Decode the pairs of validation: the same in every run.

    Args:
        recipe: which pairs; ``None`` = none.
        crop: side of the crops where the recipe names none, in pixels.
        seed: of the crops and of what is simulated.

    Raises:
        GgtError: they cannot be opened or decoded.
    """
    if recipe is None:
        return [], None
    geometry = RandomGeometry(crop=recipe.crop or crop)
    opened = open_source(recipe.source, geometry, shuffle=None, seed=seed)
    total = len(opened.pairs)
    count = min(recipe.count, total)
    samples = [opened.pairs.sample(0, place * total // count) for place in range(count)]
    held = [HeldPair(key=one.key, lq=one.lq, gt=one.gt) for one in samples]
    return held, opened.facts | {"num_pairs": count, "crop": geometry.crop}
