"""Synthesis by many workers: the tasks of a Slurm array, or the actors of a Ray cluster.

For editors that run on our own machines. One that is paid by the call has one ledger and one cap,
so it is asked by one process, whose threads wait for many answers at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ggt_hf.engines import EngineOptions, StageReport, carry_out
from ggt_hf.engines import Unit as Piece
from ggt_hf.engines.stage import Outcome
from ggt_hf.errors import UsageError
from ggt_hf.records import Candidate, Source
from ggt_hf.stages import CANDIDATES, read_rows, record_row
from ggt_hf.synthesis.asking import Asker, Failure, Unit
from ggt_hf.synthesis.editors.editor import Editor
from ggt_hf.synthesis.instructions import Instruction
from ggt_hf.synthesis.report import SynthReport
from ggt_hf.synthesis.synthesize import Synthesis

OpenEditor = Callable[[], Editor]
"""Makes the editor; picklable. Its weights are loaded at the first edit, once a worker."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpreadSynthesis:
    """What came of a run."""

    stage: StageReport
    """Of the engine."""
    report: SynthReport | None
    """As of `Synthesis.run`; ``None`` for a Slurm task, which leaves it to the merge."""


def synthesise_spread(
    run: Synthesis, open_editor: OpenEditor, options: EngineOptions
) -> SpreadSynthesis:
    """Make what is not made yet, on any engine; the files are those of `Synthesis.run`.

    Args:
        run: what is to be made; every worker sees its photographs and folder under the same path.
        open_editor: makes the editor of `run`, once a worker.
        options: where and how to run.

    Raises:
        UsageError: the editor is paid by the call, or another run is at work.
        EditorError: the editor refuses whatever it is asked.
        WriteError: the disk is full, or not writable.
    """
    if run.price:
        raise UsageError(
            f"{run.editor.id} is paid by the call, and one process holds its budget.",
            hint="Leave --engine out; --num-workers says how many calls are made at a time.",
        )
    # What is listed, whether or not its pictures lie there still: those come back while other
    # tasks look, and each of them must divide the same units.
    listed = {str(row["key"]): row for _, row in read_rows(run.out / CANDIDATES)}
    run.done()  # refuses candidates that were made otherwise
    pieces = [_piece(unit, listed.get(unit.key)) for unit in run.units]
    reports: list[SynthReport] = []

    def publish(known: Mapping[str, Outcome]) -> None:
        rows = {key: _row(key, found) for key, found in known.items()}
        kept = {key for key, row in rows.items() if row.get("kept")}
        made = {key: row["candidate"] for key, row in rows.items() if "candidate" in row}
        failures = [Failure(**row["failure"]) for row in rows.values() if "failure" in row]
        reports.append(run.settle(kept, made, failures))

    stage = carry_out(
        pieces,
        _make,
        run.out / CANDIDATES,
        options,
        setup=partial(_asker, open_editor, run.out.absolute()),
        fingerprint=f"{run.editor.id} {run.editor.revision} {sorted(run.editor.settings.items())}",
        publish=publish,
    )
    return SpreadSynthesis(stage=stage, report=reports[0] if reports else None)


def _piece(unit: Unit, listed: Mapping[str, Any] | None) -> Piece:
    said = {
        "listed": listed,
        "source": record_row(unit.source),
        "instruction": asdict(unit.instruction),
        "seeds": list(unit.seeds),
    }
    return Piece(key=unit.key, payload=said)


def _asker(open_editor: OpenEditor, out: Path) -> Asker:
    """Be the set-up of a stage: somebody who asks this worker's own editor."""
    return Asker(editor=open_editor(), out=out, price=0.0, ledger=None, stopping=threading.Event())


def _make(asker: Asker, piece: Piece) -> dict[str, Any]:
    """Be the work of a stage: one candidate, or why there is none."""
    said = piece.payload
    listed = said["listed"]
    if listed and all((asker.out / listed[side]).is_file() for side in ("lq_path", "gt_path")):
        return {"kept": True}
    made = asker.make(
        Unit(
            key=piece.key,
            source=Source(**said["source"]),
            instruction=Instruction(**said["instruction"]),
            seeds=tuple(said["seeds"]),
        )
    )
    if isinstance(made, Candidate):
        return {"candidate": record_row(made)}
    return {"failure": asdict(made)}


def _row(key: str, found: Outcome) -> Mapping[str, Any]:
    """Return what a worker made; a worker that died at it is a failure like others."""
    died = {"failure": {"key": key, "outcome": "error", "detail": str(found.get("error"))}}
    row: Mapping[str, Any] = found.get("row", died)
    return row
