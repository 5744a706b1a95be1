"""Sources to candidates: quote first, then make what is not made yet, and stop at the cap.

``OUT/candidates.jsonl`` gets a line as soon as a candidate's target lies under ``OUT/gt``, with a
copy of its photograph under ``OUT/lq``: the folder needs nothing outside itself. So a run may be
killed at any moment, and the same command goes on. When a run has come to its end, the lines are in
the order of the sources: the file is the same, however often the way there was broken.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import asdict
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from ggt_hf.errors import GgtError, UsageError
from ggt_hf.progress import bar
from ggt_hf.records import Candidate, Source
from ggt_hf.stages import (
    CANDIDATES,
    VERDICTS,
    LineLog,
    read_candidates,
    read_rows,
    record_row,
    rewrite,
)
from ggt_hf.synthesis.asking import Asker, Failure, Unit
from ggt_hf.synthesis.budget import Ledger, Quote, price_of
from ggt_hf.synthesis.editors.editor import Editor
from ggt_hf.synthesis.instructions import Instructions
from ggt_hf.synthesis.locking import alone
from ggt_hf.synthesis.report import SynthOptions, SynthReport
from ggt_hf.synthesis.units import plan_units
from ggt_hf.synthesis.verdicts import read_verdicts

FAILURES = "failures.jsonl"


class Synthesis:
    """A run, planned: what there is to do is known, nothing is asked yet.

    Args:
        sources: the photographs; paths are absolute.
        instructions: the prompt of each.
        editor: who makes the targets.
        out: folder of the candidates; made when the run starts.
        options: how.

    Raises:
        SourceError: a photograph has no prompt.
        UsageError: `out` holds candidates that were made otherwise.
        BudgetError: nobody said what an answer costs, or how much may be spent.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        instructions: Instructions,
        editor: Editor,
        out: Path,
        options: SynthOptions | None = None,
    ) -> None:
        self.options = options or SynthOptions()
        self.editor, self.out = editor, out
        self.price = price_of(editor, self.options.max_cost)
        self.units = tuple(
            plan_units(
                sources,
                instructions,
                editor,
                num_candidates=self.options.num_candidates,
                num_attempts=self.options.num_attempts,
                seed=self.options.seed,
            )
        )

    def quote(self) -> Quote:
        """Return what the run will cost; nothing is written."""
        done = self.done()
        spent, num_unknown = 0.0, 0
        if self.price and (folder := self._ledger_folder()).exists():
            ledger = Ledger(folder, self.options.max_cost or 0.0)
            spent, num_unknown = ledger.spent, ledger.num_unknown
            ledger.close()
        return Quote(
            num_calls=sum(unit.key not in done for unit in self.units),
            price=self.price,
            num_attempts=max((len(unit.seeds) for unit in self.units), default=1),
            spent=spent,
            num_unknown=num_unknown,
            max_cost=self.options.max_cost if self.price else None,
        )

    def run(self) -> SynthReport:
        """Make what is not made yet.

        Raises:
            UsageError: another run works in the folder or with the ledger.
            KeyboardInterrupt: the user stopped it; calls under way were waited for.
        """
        with ExitStack() as stack:
            stack.enter_context(alone(self.out))
            ledger = None
            if self.price:
                stack.enter_context(alone(self._ledger_folder()))
                ledger = Ledger(self._ledger_folder(), self.options.max_cost or 0.0)
                stack.callback(ledger.close)
            log = stack.enter_context(LineLog(self.out / CANDIDATES))
            done = self.done()
            made, failures, stopped = self._make_all(log, done, ledger)
            return self.settle(done, made, failures, stopped=stopped, ledger=ledger)

    def settle(
        self,
        done: Set[str],
        made: Mapping[str, Mapping[str, Any]],
        failures: Sequence[Failure],
        *,
        stopped: GgtError | None = None,
        ledger: Ledger | None = None,
    ) -> SynthReport:
        """Write the candidates in the order of their sources, and what failed; sum it up.

        Args:
            done: keys that were there.
            made: key -> row of `Candidate` for those that were made now.
            failures: those that could not be.
            stopped: what ended the run early.
            ledger: where paid calls are written.
        """
        self._put_in_order(done, made)
        failures = sorted(failures, key=lambda failure: self._order[failure.key])
        rewrite(self.out / FAILURES, (asdict(failure) for failure in failures))
        return SynthReport(
            num_units=len(self.units),
            num_made=len(made),
            num_reused=len(done),
            failures=tuple(failures),
            stopped=stopped,
            spent=ledger.spent if ledger else 0.0,
            num_unknown=ledger.num_unknown if ledger else 0,
            num_accepted=self._num_accepted(),
        )

    def _make_all(
        self, log: LineLog, done: set[str], ledger: Ledger | None
    ) -> tuple[dict[str, dict[str, Any]], list[Failure], GgtError | None]:
        stopping = threading.Event()
        asker = Asker(
            editor=self.editor,
            out=self.out,
            price=self.price,
            ledger=ledger,
            stopping=stopping,
            retry_unknown=self.options.retry_unknown,
            patience=self.options.patience,
        )
        todo = (unit for unit in self.units if unit.key not in done)
        made: dict[str, dict[str, Any]] = {}
        failures: dict[str, Failure] = {}
        stopped: GgtError | None = None
        num_workers = self.options.num_workers or self.editor.num_parallel
        pool = ThreadPoolExecutor(num_workers, thread_name_prefix="synth")
        with pool, bar("Editing", len(self.units) - len(done), quiet=self.options.quiet) as tick:
            under_way = {pool.submit(asker.make, unit) for unit in islice(todo, num_workers)}
            try:
                while under_way:
                    finished, _ = wait(under_way, return_when=FIRST_COMPLETED)
                    for future in finished:
                        stopped = _take(future, log, made, failures) or stopped
                        under_way.discard(future)
                        tick()
                    if stopped:
                        stopping.set()
                        continue
                    under_way |= {
                        pool.submit(asker.make, unit) for unit in islice(todo, len(finished))
                    }
            except BaseException:
                # Ctrl-C: nothing new is asked, and what is already paid is waited for and kept.
                stopping.set()
                for future in under_way:
                    _take(future, log, made, failures)
                raise
        return made, list(failures.values()), stopped

    def done(self) -> set[str]:
        """Return the keys that are made; refuse candidates that were made otherwise."""
        wanted = {unit.key: unit for unit in self.units}
        done = set()
        for candidate in read_candidates(self.out / CANDIDATES):
            unit = wanted.get(candidate.key)
            if unit is None:
                continue
            self._refuse_other(candidate, unit)
            if all((self.out / path).is_file() for path in (candidate.lq_path, candidate.gt_path)):
                done.add(candidate.key)
        return done

    def _refuse_other(self, candidate: Candidate, unit: Unit) -> None:
        editor = self.editor
        differing = [
            name
            for name, here, now in (
                ("editor", candidate.editor_id, editor.id),
                ("revision", candidate.editor_revision, editor.revision),
                ("settings", dict(candidate.settings), dict(editor.settings)),
                ("prompt", candidate.prompt, unit.instruction.text),
                ("seed", candidate.seed in unit.seeds, True),
            )
            if here != now
        ]
        if differing:
            raise UsageError(
                f"{self.out} holds a candidate {candidate.key} of another {differing[0]}.",
                hint="Give another OUT; answers already paid are found again with --ledger.",
            )

    def _put_in_order(self, done: Set[str], made: Mapping[str, Mapping[str, Any]]) -> None:
        """Sort the file as the sources are, each key once, without those whose target is gone."""
        path, order = self.out / CANDIDATES, self._order
        rows: dict[str, Mapping[str, Any]] = {str(row["key"]): row for _, row in read_rows(path)}
        rows |= made
        kept = (key for key in rows if key in done or key in made or key not in order)
        ordered = sorted(kept, key=lambda key: (order.get(key, len(order)), key))
        rewrite(path, (rows[key] for key in ordered))

    @cached_property
    def _order(self) -> dict[str, int]:
        return {unit.key: place for place, unit in enumerate(self.units)}

    def accepted_share(self) -> float | None:
        """Return the share of judged candidates that was accepted; ``None`` where none was."""
        path = self.out / VERDICTS
        verdicts = read_verdicts(path) if path.exists() else {}
        num_accepted = sum(verdict.accepted for verdict in verdicts.values())
        return num_accepted / len(verdicts) if num_accepted else None

    def _num_accepted(self) -> int | None:
        path = self.out / VERDICTS
        if not path.exists():
            return None
        return sum(verdict.accepted for verdict in read_verdicts(path).values())

    def _ledger_folder(self) -> Path:
        return self.options.ledger or self.out / "ledger"


def _take(
    future: Future[Candidate | Failure],
    log: LineLog,
    made: dict[str, dict[str, Any]],
    failures: dict[str, Failure],
) -> GgtError | None:
    """Write down what a worker made; return what must end the run."""
    try:
        result = future.result()
    except GgtError as error:
        return error
    if isinstance(result, Candidate):
        made[result.key] = record_row(result)
        log.append(made[result.key])
    else:
        failures[result.key] = result
    return None
