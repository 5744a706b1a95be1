"""Check what a model claims: that its numbers agree with each other, and that they come out again.

Nothing a card says is believed. The card's numbers are compared with the claims, the claims' means
with their pictures, the weights, metrics and decoder with the fingerprints; then some pictures,
drawn at random, are restored and scored again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

from ggt_hf.data.streaming.order import salt
from ggt_hf.engines import Unit
from ggt_hf.errors import GgtError, UsageError
from ggt_hf.evaluation.cases import Case, list_cases
from ggt_hf.evaluation.claims import DIGITS, Claim, read_claims
from ggt_hf.evaluation.task import Task, task_of
from ggt_hf.evaluation.work import Order, evaluate, set_up
from ggt_hf.hub.results import card_results, leaderboard_entries, read_card, read_entries
from ggt_hf.images import decoder
from ggt_hf.metrics import metric
from ggt_hf.metrics.scorer import Scorer
from ggt_hf.restoration.methods import Model

_ROUNDED = 0.51 * 10**-DIGITS
_LIMIT_DB, _LIMIT = 0.02, 5e-4
"""How far a picture's score may be from the claimed one: other processors round differently."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was checked."""

    task: str
    """The task's name."""
    what: str
    """``card``, ``leaderboard``, ``means``, ``weights``, ``metrics``, ``decoder`` or
    ``pictures``."""
    agrees: bool
    """Whether it is as claimed."""
    says: str
    """What was found, naming file, metric or picture."""


def verify_model(
    model: Model,
    *,
    where: Mapping[str, str] | None = None,
    sample: int = 4,
    seed: int = 0,
    tell: Callable[[Finding], None] | None = None,
) -> list[Finding]:
    """Check every claim of a model.

    Args:
        model: the model, in a folder or on the Hub.
        where: task -> its pictures, where the claim does not say or they are elsewhere now.
        sample: pictures of each task that are restored and scored again.
        seed: of their draw.
        tell: called with each finding as it comes.

    Returns:
        What was checked; the model is as it claims where all agree.

    Raises:
        FormatError: the model claims nothing, or claims cannot be read.
        UsageError: a task's pictures are not known.
        GgtError: the model or a metric cannot be used.
    """
    folder = model.folder()
    findings = []
    for claim in read_claims(folder):
        task = _task(claim, dict(where or {}))
        for finding in _check(model, folder, claim, task, sample, seed):
            findings.append(finding)
            if tell is not None:
                tell(finding)
    return findings


def _check(
    model: Model, folder: Path, claim: Claim, task: Task, sample: int, seed: int
) -> Iterator[Finding]:
    checks: dict[str, Callable[[], Compared]] = {
        "card": lambda: _card(folder, claim),
        "leaderboard": lambda: _leaderboard(folder, claim),
        "means": lambda: _means(claim),
        "weights": lambda: _weights(model, claim),
        "metrics": lambda: _metrics(claim),
        "decoder": lambda: _decoder(claim),
        "pictures": lambda: _pictures(model, claim, task, sample, seed),
    }
    for what, compare in checks.items():
        wrong, right = compare()
        yield Finding(task=claim.task, what=what, agrees=not wrong, says="; ".join(wrong) or right)


Compared = tuple[list[str], str]
"""What differs, and what to say where nothing does."""


def _card(folder: Path, claim: Claim) -> Compared:
    card = read_card(folder)
    data: Any = card.data if card else None
    said = {
        (one.dataset_type, one.metric_type): one.metric_value
        for one in ((data.eval_results if data else None) or [])
    }
    wrong = []
    for one in card_results(claim):
        found = said.get((one.dataset_type, one.metric_type))
        if not _is_near(found, one.metric_value, _ROUNDED):
            wrong.append(f"the card says {one.metric_name} {found}, claimed is {one.metric_value}")
    return wrong, f"the card's {len(claim.means)} numbers are the claimed ones"


def _leaderboard(folder: Path, claim: Claim) -> Compared:
    wanted = leaderboard_entries(claim)
    if not wanted:
        return [], "the task has no leaderboard"
    found = {entry.task_id: entry.value for entry in read_entries(folder, claim) or []}
    wrong = [
        f"the entry of {entry.task_id} says {found.get(entry.task_id)}, claimed is {entry.value}"
        for entry in wanted
        if not _is_near(found.get(entry.task_id), entry.value, _ROUNDED)
    ]
    return wrong, f"{len(wanted)} entries are the claimed numbers"


def _means(claim: Claim) -> Compared:
    wrong = []
    for name, said in claim.means.items():
        found = mean(picture["scores"][name] for picture in claim.pictures.values())
        if not _is_near(found, said["mean"], 1e-9 * max(1.0, abs(found))):
            wrong.append(
                f"{metric(name).title} of the {len(claim.pictures)} pictures is {found:.6f} "
                f"on average, claimed is {said['mean']:.6f}"
            )
    return wrong, f"the means are those of {len(claim.pictures)} pictures"


def _weights(model: Model, claim: Claim) -> Compared:
    claimed, here = claim.fingerprint["restorer"], model.identity()
    wrong: list[str] = []
    for kind in ("weights", "configs"):
        wrong += _unlike(here[kind], claimed.get(kind, {}))
    return wrong, f"{len(here['weights'])} files of weights are the evaluated ones"


def _unlike(here: Mapping[str, str], claimed: Mapping[str, str]) -> Iterator[str]:
    """Yield what is said of each file that differs."""
    for path in sorted({*here, *claimed}):
        if here.get(path) == claimed.get(path):
            continue
        if path in here and path in claimed:
            yield f"{path} has the sha256 {here[path][:12]}…, evaluated was {claimed[path][:12]}…"
        elif path in claimed:
            yield f"{path} was evaluated and is missing"
        else:
            yield f"{path} was not there when it was evaluated"


def _metrics(claim: Claim) -> Compared:
    here = Scorer(claim.metrics).fingerprint
    wrong = []
    for name, claimed in claim.fingerprint["metrics"].items():
        for part, value in claimed.items():
            if part != "device" and here[name].get(part) != value:
                said = here[name].get(part)
                wrong.append(f"{metric(name).title} was scored by {value}, here by {said}")
    return wrong, f"{len(here)} metrics are the same code and weights"


def _decoder(claim: Claim) -> Compared:
    claimed, here = claim.fingerprint["decoder"], decoder()
    if here == claimed:
        return [], f"pictures are decoded by the same {here}"
    return [f"pictures were decoded by {claimed}, here by {here}"], ""


def _pictures(model: Model, claim: Claim, task: Task, sample: int, seed: int) -> Compared:
    cases = {case.key: case for case in list_cases(task)}
    if missing := sorted(claim.pictures.keys() - cases):
        return [f"{len(missing)} pictures are not in {task.data}, such as {missing[0]}"], ""
    drawn = sorted(claim.pictures, key=lambda key: salt("verify", seed, key))[:sample]
    bench = set_up(_order(model, claim, task, cases))
    wrong: list[str] = []
    same = 0
    for key in drawn:
        claimed = claim.pictures[key]
        try:
            row = evaluate(bench, Unit(key=key, payload={"seed": claimed["seed"]}))
        except GgtError as error:
            wrong.append(f"{key} cannot be restored: {error.message}")
            continue
        same += row["output_sha256"] == claimed["output_sha256"]
        wrong += _scores_unlike(key, row["scores"], claimed["scores"])
    again = f"{len(drawn)} pictures restored and scored again agree"
    return wrong, f"{again}; {same} of them to the last bit"


def _scores_unlike(
    key: str, here: Mapping[str, float], claimed: Mapping[str, float]
) -> Iterator[str]:
    for name, value in claimed.items():
        row = metric(name)
        limit = _LIMIT_DB if row.unit else _LIMIT * max(1.0, abs(value))
        if not _is_near(here.get(name), value, limit):
            yield f"{row.title} of {key} is {here.get(name):.4f}, claimed is {value:.4f}"


def _order(model: Model, claim: Claim, task: Task, cases: Mapping[str, Case]) -> Order:
    return Order(
        task=claim.task,
        multiple=claim.multiple,
        simulate=claim.simulate,
        cases=cases,
        restorer=model,
        identity="",
        metrics=claim.metrics,
        device=model.device,
        out=None,
    )


def _task(claim: Claim, where: Mapping[str, str]) -> Task:
    """Return the task of a claim, with the pictures that are here."""
    data = where.get(claim.task) or claim.data
    if data is None:
        raise UsageError(
            f"Nobody says where the pictures of {claim.task} are.",
            hint=f"Give them: --task {claim.task}=WHERE",
        )
    try:
        task = task_of(f"{claim.task}={data}")
        list_cases(task, limit=1)
    except GgtError as error:
        raise UsageError(
            f"The pictures of {claim.task} cannot be found: {error.message}",
            hint=f"Say where they are: --task {claim.task}=WHERE",
        ) from error
    return replace(
        task,
        multiple=claim.multiple,
        simulate=claim.simulate,
        reference=claim.reference,
    )


def _is_near(found: Any, wanted: float, limit: float) -> bool:
    return isinstance(found, int | float) and math.isfinite(found) and abs(found - wanted) <= limit


def disagreements(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that are not as claimed."""
    return [finding for finding in findings if not finding.agrees]
