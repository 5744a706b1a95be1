"""What is to be made: each candidate of each photograph, with the seeds of its attempts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from ggt_hf.errors import SourceError, UsageError
from ggt_hf.records import Source
from ggt_hf.synthesis.asking import Unit
from ggt_hf.synthesis.editors.editor import Editor
from ggt_hf.synthesis.instructions import Instructions

_NUM_SEEDS = 2**31


def plan_units(
    sources: Sequence[Source],
    instructions: Instructions,
    editor: Editor,
    *,
    num_candidates: int,
    num_attempts: int,
    seed: int,
) -> Iterator[Unit]:
    """Yield the candidates to be made, in the order of their photographs.

    Raises:
        SourceError: a photograph has no prompt, or a key would be given twice.
        UsageError: a seed that not every editor takes, or several candidates of an editor that
            answers the same whatever the seed.
    """
    taken = {source.key for source in sources}
    num_attempts = num_attempts if editor.redraws else 1
    if not 0 <= seed < _NUM_SEEDS:
        raise UsageError(
            f"{seed} is no seed that every editor takes.",
            hint=f"Give a number from 0 to {_NUM_SEEDS - 1}.",
        )
    if num_candidates > 1 and not editor.redraws:
        raise UsageError(
            f"{editor.id} answers the same whatever the seed.", hint="Leave out --candidates."
        )
    for source in sources:
        instruction = instructions(source)
        for index in range(num_candidates):
            key = source.key if index == 0 else f"{source.key}-c{index + 1}"
            if index and key in taken:
                raise SourceError(
                    f"Candidate {index + 1} of {source.key} would be called as a photograph is.",
                    hint=f"Rename the photograph {key}.",
                )
            seeds = (_seed(seed, index, attempt) for attempt in range(num_attempts))
            yield Unit(key=key, source=source, instruction=instruction, seeds=tuple(seeds))


def _seed(seed: int, index: int, attempt: int) -> int:
    """Return the seed of an attempt: the user's own for the first, drawn from it for others."""
    if index == attempt == 0:
        return seed
    digest = hashlib.sha256(f"{seed}/{index}/{attempt}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
