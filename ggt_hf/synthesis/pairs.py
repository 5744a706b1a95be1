"""Accepted candidates become pairs that ``ggt build`` takes; rejected ones teach preferences."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ggt_hf.errors import FormatError, SourceError
from ggt_hf.records import Candidate
from ggt_hf.stages import read_candidates, rewrite
from ggt_hf.synthesis.verdicts import Judged, read_verdicts


@dataclass(frozen=True, kw_only=True, slots=True)
class PairsReport:
    """What was written."""

    num_pairs: int
    """Accepted candidates, one a source at most."""
    num_rejected: int
    """Candidates that were not accepted."""
    num_unjudged: int
    """Candidates without a verdict: they are left out."""
    num_spare: int
    """Accepted candidates of sources that have a pair already."""


def write_pairs(
    candidates: Path, verdicts: Path, out: Path, *, split: str = "train"
) -> PairsReport:
    """Write ``pairs.jsonl``, a manifest for ``ggt build``, from the candidates that were accepted.

    A source gives one pair, named by the source's key: its first accepted candidate.

    Args:
        candidates: ``candidates.jsonl``.
        verdicts: ``verdicts.jsonl`` of the same candidates.
        out: the manifest to write; paths in it are relative to its folder.
        split: split of the pairs.

    Raises:
        SourceError: nothing was accepted, or a candidate has no category.
        FormatError: a picture is no longer the one that was judged.
    """
    judged = read_verdicts(verdicts)
    made = read_candidates(candidates)
    rows: dict[str, dict[str, Any]] = {}
    num_accepted = 0
    for candidate in made:
        verdict = judged.get(candidate.key)
        if verdict is None or not verdict.accepted:
            continue
        num_accepted += 1
        if candidate.source_key not in rows:
            rows[candidate.source_key] = _row(candidate, verdict, candidates.parent, out, split)
    if not rows:
        raise SourceError(
            f"No candidate of {candidates} was accepted by {verdicts}.",
            hint="Look at the reasons in the verdicts; loosen a threshold, or try another editor.",
        )
    rewrite(out, rows.values())
    num_unjudged = sum(candidate.key not in judged for candidate in made)
    return PairsReport(
        num_pairs=len(rows),
        num_rejected=len(made) - num_accepted - num_unjudged,
        num_unjudged=num_unjudged,
        num_spare=num_accepted - len(rows),
    )


def write_preferences(candidates: Path, verdicts: Path, out: Path) -> int:
    """Write triples (input, better, worse): of one source, an accepted and a rejected candidate.

    Sources of which all candidates were accepted, or none, give no triple.

    Args:
        candidates: ``candidates.jsonl``.
        verdicts: ``verdicts.jsonl`` of the same candidates.
        out: the JSONL file to write; paths in it are relative to its folder.

    Returns:
        The number of triples.
    """
    triples = list(_triples(candidates, read_verdicts(verdicts), out))
    rewrite(out, triples)
    return len(triples)


def _triples(candidates: Path, judged: dict[str, Judged], out: Path) -> Iterator[dict[str, Any]]:
    by_source: dict[str, list[Candidate]] = {}
    for candidate in read_candidates(candidates):
        if candidate.key in judged:
            by_source.setdefault(candidate.source_key, []).append(candidate)
    for source_key, rivals in by_source.items():
        better = next((rival for rival in rivals if judged[rival.key].accepted), None)
        for worse in rivals if better else ():
            if better is None or not judged[worse.key].rejected:
                continue
            yield {
                "source_key": source_key,
                "input": _moved(candidates.parent, better.lq_path, out),
                "better": _moved(candidates.parent, better.gt_path, out),
                "worse": _moved(candidates.parent, worse.gt_path, out),
                "prompt": better.prompt,
                "better_key": better.key,
                "worse_key": worse.key,
                "reason": judged[worse.key].reason,
            }


def _row(
    candidate: Candidate, verdict: Judged, folder: Path, out: Path, split: str
) -> dict[str, Any]:
    if candidate.degradation is None:
        raise SourceError(
            f"{candidate.key} has no category.",
            hint="Give --category to ggt synth, or use prompts that name it.",
        )
    for path, sha256 in (
        (candidate.lq_path, candidate.lq_sha256),
        (candidate.gt_path, candidate.gt_sha256),
    ):
        _prove(folder / path, sha256)
    return {
        "lq": _moved(folder, candidate.lq_path, out),
        "gt": _moved(folder, candidate.gt_path, out),
        "key": candidate.source_key,
        "split": split,
        "category": candidate.degradation,
        "prompt": candidate.prompt,
        "scores": dict(sorted(verdict.scores.items())),
        "license": candidate.license,
        "credit": candidate.credit,
        "origin": "generated",
        "source": candidate.source,
        "provenance": {
            "prompter": candidate.prompter,
            "prompt_template": candidate.prompt_template,
            "editor": candidate.editor_id,
            "editor_revision": candidate.editor_revision,
            "seed": candidate.seed,
            "settings": _settings(candidate),
        },
    }


def _settings(candidate: Candidate) -> str:
    """Return every other parameter of the making, as one line of JSON."""
    fed = {"fed_size": [candidate.fed_width, candidate.fed_height]}
    settings = {**candidate.settings, **fed, "regridded": candidate.regridded}
    return json.dumps(settings, sort_keys=True, ensure_ascii=False)


def _prove(path: Path, sha256: str) -> None:
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise FormatError(
            f"{path} cannot be read ({error.strerror}).", hint="Run ggt synth again."
        ) from error
    if found != sha256:
        raise FormatError(
            f"{path} is no longer the picture that was judged.",
            hint="Put the old file back, or run ggt synth into another OUT.",
        )


def _moved(folder: Path, path: str, out: Path) -> str:
    """Return a path relative to `folder` as one relative to the folder of `out`."""
    return Path(os.path.relpath((folder / path).absolute(), out.parent.absolute())).as_posix()
