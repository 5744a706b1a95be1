"""One candidate: ask, wait, ask again, keep what was paid, and say what came of it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ggt_hf.data.building.staging import write_durably
from ggt_hf.errors import GgtError, ImageError, WriteError
from ggt_hf.images import inspect
from ggt_hf.records import Candidate, Degradation, Source
from ggt_hf.synthesis.budget import Call, Ended, Ledger
from ggt_hf.synthesis.editors.editor import (
    Edit,
    Editor,
    LostAnswerError,
    NoPictureError,
    NotAnsweredError,
    Outcome,
    Picture,
    settle,
)
from ggt_hf.synthesis.instructions import Instruction

_LONGEST_WAIT = 300.0
"""Seconds to wait for a service at most; longer is for another run."""

Failed = Outcome | Literal["unanswered", "unknown", "bad_input"]
"""Why there is no candidate: how the last call ended, or

- ``unanswered``: the service never took the call; nothing was paid;
- ``unknown``: the answer was lost, or the run was killed before it came; counted as paid;
- ``bad_input``: the photograph cannot be decoded; nothing was asked.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """One candidate to be made."""

    key: str
    """Key of the candidate."""
    source: Source
    """The photograph; its path is absolute."""
    instruction: Instruction
    """What the editor is told."""
    seeds: tuple[int, ...]
    """Seed of each attempt, in order."""

    @property
    def degradation(self) -> Degradation | None:
        """The category: as the source says, or else as its prompter saw it."""
        return self.source.degradation or self.instruction.degradation


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A candidate that could not be made."""

    key: str
    """Key of the candidate."""
    outcome: Failed
    """Why."""
    detail: str
    """What was said, in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How often and how long a service is waited for that does not take a call."""

    num_tries: int = 6
    """Tries of one call in one run."""
    first_wait: float = 1.0
    """Seconds before the second try, if the service names none; doubled at each further one."""


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Makes candidates with one editor. Threads may share it."""

    editor: Editor
    """Who is asked."""
    out: Path
    """Folder of the candidates."""
    price: float
    """US dollars an answer."""
    ledger: Ledger | None
    """Where paid calls are written; ``None`` = the editor is free."""
    stopping: threading.Event
    """Set when the run ends: nobody waits for a service any more."""
    retry_unknown: bool = False
    """Whether calls of unknown end may be made, and paid, again."""
    patience: Patience = Patience()
    """How services are waited for."""
    placing: threading.Lock = field(default_factory=threading.Lock)
    """Held while an LQ is placed: candidates of one source share it."""

    def make(self, unit: Unit) -> Candidate | Failure:
        """Make one candidate: its target lies under ``gt/``, a copy of its LQ under ``lq/``.

        Raises:
            BudgetError: the cap is reached.
            EditorError: the editor refuses whatever it is asked.
            WriteError: the disk is full, or not writable.
        """
        try:
            picture = Picture(unit.source.key, Path(unit.source.path).read_bytes())
            _ = picture.image
        except (ImageError, OSError) as error:
            return Failure(key=unit.key, outcome="bad_input", detail=str(error))
        failure: Failure | None = None
        for seed in unit.seeds:
            try:
                edit = self._edit(unit, picture, seed)
            except NoPictureError as error:
                failure = Failure(key=unit.key, outcome=error.outcome, detail=error.message)
            except NotAnsweredError as error:
                return Failure(key=unit.key, outcome="unanswered", detail=error.message)
            except LostAnswerError as error:
                return Failure(key=unit.key, outcome="unknown", detail=error.message)
            except OSError as error:
                raise _unwritten(self.out, error) from error
            else:
                return self._candidate(unit, picture, seed, edit)
        assert failure is not None  # noqa: S101 - there is at least one seed
        return failure

    def _edit(self, unit: Unit, picture: Picture, seed: int) -> Edit:
        """Return the edit of one attempt: bought earlier, or now."""
        fit = self.editor.fit(picture.size)
        text = unit.instruction.text
        if self.ledger is None:
            answer = self._patiently(lambda: self.editor.ask(picture, text, seed))
            return settle(picture, fit, answer)
        call = Call(
            lq_sha256=picture.sha256,
            prompt=text,
            editor_id=self.editor.id,
            editor_revision=self.editor.revision,
            seed=seed,
            settings=self.editor.settings,
        )
        with self.ledger.turn(call):
            answer = self._bought(self.ledger, call, unit, picture)
            known = self.ledger.ended(call)
            try:
                edit = settle(picture, fit, answer)
            except NoPictureError as error:
                if known is None:
                    self._end(self.ledger, call, error.outcome, error.message)
                raise
            if known is None:
                self._end(self.ledger, call, "made", "")
            return edit

    def _bought(self, ledger: Ledger, call: Call, unit: Unit, picture: Picture) -> bytes:
        """Return the answer of a call, from the ledger or from the editor.

        Raises:
            NoPictureError: it was answered without a picture, now or earlier.
            LostAnswerError: it is of unknown end, and nobody consented to pay again.
        """
        state = ledger.state(call)
        ended = ledger.ended(call)
        if ended and ended.outcome != "made":
            raise NoPictureError(ended.outcome, ended.detail)
        if state == "answered":
            return ledger.answer(call)
        if state == "unknown" and not self.retry_unknown:
            raise LostAnswerError(f"A call for {unit.key} was sent, and its answer never came.")
        answer = self._patiently(lambda: self._paid(ledger, call, unit, picture))
        ledger.keep(call, answer)
        return answer

    def _patiently(self, ask: Callable[[], bytes]) -> bytes:
        """Ask until the editor takes the call, or patience ends."""
        wait = self.patience.first_wait
        for _ in range(self.patience.num_tries - 1):
            try:
                return ask()
            except NotAnsweredError as error:
                asked = wait if error.retry_after is None else error.retry_after
                if asked > _LONGEST_WAIT or self.stopping.wait(asked):
                    raise
                wait *= 2
        return ask()

    def _paid(self, ledger: Ledger, call: Call, unit: Unit, picture: Picture) -> bytes:
        """Make a paid call: its intent before, and its end where it has no picture."""
        if self.stopping.is_set():
            raise NotAnsweredError(f"{unit.key} was not asked: the run was ending.")
        ledger.begin(call, unit.key, self.price)
        try:
            return self.editor.ask(picture, unit.instruction.text, call.seed)
        except NoPictureError as error:
            self._end(ledger, call, error.outcome, error.message, paid=error.paid)
            raise
        except LostAnswerError:
            ledger.lose(call)
            raise
        except GgtError:
            # Refused before any work: surely nothing was paid.
            ledger.withdraw(call)
            raise
        except Exception as error:
            # An answer that the service's own SDK stumbles over may well have been paid.
            ledger.lose(call)
            said = f"{type(error).__name__}: {error}"
            raise LostAnswerError(f"The answer for {unit.key} is unreadable ({said}).") from error

    def _end(
        self, ledger: Ledger, call: Call, outcome: Outcome, detail: str, *, paid: bool = True
    ) -> None:
        cost = self.price if paid else 0.0
        ledger.end(call, Ended(outcome=outcome, cost=cost, detail=detail))

    def _candidate(self, unit: Unit, picture: Picture, seed: int, edit: Edit) -> Candidate:
        """Put both pictures where they belong, and say all about them."""
        lq = self.out / "lq" / f"{unit.source.key}{_suffix(picture.data, unit.key)}"
        gt = self.out / "gt" / f"{unit.key}{_suffix(edit.gt, unit.key)}"
        try:
            with self.placing:
                # Copied, not linked: the folder can be moved, and its files are nobody else's.
                if not lq.is_file() or lq.read_bytes() != picture.data:
                    write_durably(lq, picture.data)
            write_durably(gt, edit.gt)
        except OSError as error:
            raise _unwritten(gt, error) from error
        source, instruction = unit.source, unit.instruction
        return Candidate(
            key=unit.key,
            source_key=source.key,
            lq_path=lq.relative_to(self.out).as_posix(),
            gt_path=gt.relative_to(self.out).as_posix(),
            degradation=unit.degradation,
            width=picture.size[0],
            height=picture.size[1],
            lq_sha256=picture.sha256,
            gt_sha256=hashlib.sha256(edit.gt).hexdigest(),
            prompt=instruction.text,
            prompter=instruction.prompter,
            prompt_template=instruction.template,
            editor_id=self.editor.id,
            editor_revision=self.editor.revision,
            seed=seed,
            settings=dict(self.editor.settings),
            fed_width=edit.fed[0],
            fed_height=edit.fed[1],
            fed_sha256=edit.fed_sha256,
            regridded=edit.regridded,
            cost=self.price,
            origin=source.origin,
            license=source.license,
            credit=source.credit,
            source=source.source,
        )


def _unwritten(path: Path, error: OSError) -> WriteError:
    return WriteError(
        f"{path} cannot be worked in ({error.strerror or error}).",
        hint="Make room or give rights; the same command goes on where it stopped.",
    )


def _suffix(data: bytes, name: str) -> str:
    kind = inspect(data, name).format
    return ".jpg" if kind == "jpeg" else f".{kind}"
