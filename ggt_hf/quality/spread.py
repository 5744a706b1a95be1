"""Quality control by many workers: the tasks of a Slurm array, or the actors of a Ray cluster.

A worker leads its candidates through all stages; what comes out is the file that `control` writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ggt_hf.engines import EngineOptions, StageReport, Unit, carry_out
from ggt_hf.engines.stage import Outcome
from ggt_hf.errors import GgtError, ReadError
from ggt_hf.quality.candidate_folder import CandidateFolder
from ggt_hf.quality.control import ControlReport, Passage, lead, passage
from ggt_hf.quality.decisions import pair_id
from ggt_hf.quality.examiners import Examiner
from ggt_hf.quality.lookahead import Pool
from ggt_hf.quality.verdict_file import StoredVerdict, read_stored, stored_of, to_row
from ggt_hf.records import Candidate
from ggt_hf.stages import VERDICTS, record_row, settle

OpenExaminers = Callable[[], Sequence[Examiner]]
"""Makes the examiners of the stages, in order; picklable."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpreadControl:
    """What came of a run."""

    stage: StageReport
    """Of the engine."""
    report: ControlReport | None
    """As of `control`; ``None`` for a Slurm task, which leaves it to the merge."""


def control_spread(
    folder: CandidateFolder,
    out: Path,
    open_examiners: OpenExaminers,
    options: EngineOptions,
    *,
    fingerprint: str,
    everything: bool = False,
    batch_size: int = 8,
) -> SpreadControl:
    """Judge every candidate of a folder, on any engine.

    Args:
        folder: the candidates; every worker sees it under the same path.
        out: folder that gets ``verdicts.jsonl``, as for `control`.
        open_examiners: called once a worker.
        options: where and how to run.
        fingerprint: names stages, limits and judge; after a kill, nothing else is taken up.
        everything: whether later stages also see what an earlier one refused.
        batch_size: candidates that a worker leads at once.

    Raises:
        FormatError: the file of verdicts is damaged.
        ModelError: the judge cannot be used.
    """
    path = out / VERDICTS
    stored = read_stored(path)
    report = ControlReport(path=path)
    units = [_unit(candidate, stored.get(candidate.key)) for candidate in folder.candidates]

    def publish(known: Mapping[str, Outcome]) -> None:
        done = [_settled(c, known[c.key], report) for c in folder.candidates]
        settle(path, [to_row(verdict) for verdict in done if verdict])
        report.verdicts = [verdict.verdict for verdict in done if verdict]

    stage = carry_out(
        units,
        partial(_judge, folder.root.absolute(), everything),
        path,
        options,
        setup=open_examiners,
        fingerprint=f"{fingerprint} {everything}",
        batch_size=batch_size,
        publish=publish,
    )
    return SpreadControl(stage=stage, report=report if stage.merged else None)


def _unit(candidate: Candidate, found: StoredVerdict | None) -> Unit:
    earlier = to_row(found) if found and found.pair == pair_id(candidate) else None
    return Unit(key=candidate.key, payload={"candidate": record_row(candidate), "earlier": earlier})


def _judge(
    root: Path, everything: bool, examiners: Sequence[Examiner], units: Sequence[Unit]
) -> list[dict[str, Any]]:
    """Be the work of a stage: lead these candidates through all stages, in this process."""
    passages = (_passage(unit.payload) for unit in units)
    led = lead(passages, root, examiners, Pool(None, 1), everything=everything)
    return [_row(passage) for passage in led]


def _passage(payload: Mapping[str, Any]) -> Passage:
    earlier = payload["earlier"]
    return passage(Candidate(**payload["candidate"]), stored_of(earlier) if earlier else None)


def _row(led: Passage) -> dict[str, Any]:
    if led.failure:
        return {"failure": {"message": led.failure.message, "hint": led.failure.hint}}
    return {"checks": [asdict(check) for check in led.checks], "made": led.made}


def _settled(candidate: Candidate, outcome: Outcome, report: ControlReport) -> StoredVerdict | None:
    """Return what was decided of a candidate, and count it; ``None`` where it failed."""
    row = outcome.get("row", {})
    if "checks" not in row:
        report.failures[candidate.key] = _failure(row.get("failure"), outcome.get("error"))
        return None
    found = stored_of({"key": candidate.key, "pair": pair_id(candidate), "checks": row["checks"]})
    report.num_made += row["made"]
    report.num_kept += len(found.verdict.checks) - row["made"]
    return found


def _failure(said: Mapping[str, str] | None, error: str | None) -> GgtError:
    if said:
        return ReadError(said["message"], hint=said["hint"])
    return ReadError(f"{error}.", hint="Run the same command again.")
