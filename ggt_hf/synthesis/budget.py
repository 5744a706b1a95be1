"""Money: what a run will cost, where it stops, and a ledger by which nothing is paid twice.

The ledger is a folder. ``calls.jsonl`` gets a line *before* each paid call (its intent) and one
after it; answers are kept under ``answers/``. A call is named by its content: the hash of the
picture, the prompt, the editor with its revision, the seed and the settings. So a call that was
answered once is never made again, by any run that shares the ledger.

A run may be killed between the sending of a call and its answer. Its intent is then on disk without
an end, and nobody can tell whether it was carried out: it counts as paid, and it is made again only
with the user's consent (``--retry-unknown``).
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

from ggt_hf.data.building.staging import write_durably
from ggt_hf.errors import BudgetError, FormatError, UsageError
from ggt_hf.stages import LineLog, read_rows
from ggt_hf.synthesis.editors.editor import OUTCOMES, Editor, Outcome

MAX_COST_VARIABLE = "GGT_MAX_COST"

_CALLS, _ANSWERS = "calls.jsonl", "answers"
_TOLERANCE = 1e-9
"""Sums of prices are floats; ten times 0.07 may fill a cap of 0.7."""

State = Literal["new", "answered", "unknown"]
"""Of a call: never made (or surely not carried out), answered, or sent and never heard of again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One question to one editor, named by its content."""

    lq_sha256: str
    """Of the low-quality picture's encoded bytes."""
    prompt: str
    """The instruction."""
    editor_id: str
    """As in `Candidate`."""
    editor_revision: str
    """As in `Candidate`."""
    seed: int
    """As in `Candidate`."""
    settings: Mapping[str, Any]
    """As in `Candidate`."""

    @property
    def name(self) -> str:
        """The hash of all of it."""
        parts = [self.lq_sha256, self.prompt, self.editor_id, self.editor_revision, self.seed]
        text = json.dumps([*parts, self.settings], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How an answered call ended."""

    outcome: Outcome
    """What came of it."""
    cost: float
    """US dollars."""
    detail: str
    """What was said, in words; empty for a picture that was made."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """What a run will cost, before it starts."""

    num_calls: int
    """Candidates that are still to be made."""
    price: float
    """US dollars an answer."""
    num_attempts: int
    """Answers that may be asked for, at most, until one is usable."""
    spent: float
    """US dollars in the ledger already, calls of unknown end included."""
    num_unknown: int
    """Calls in the ledger whose end nobody knows."""
    max_cost: float | None
    """The cap on everything in the ledger; ``None`` = free, so no cap is needed."""

    @property
    def least(self) -> float:
        """US dollars if each first answer is usable."""
        return self.num_calls * self.price

    @property
    def most(self) -> float:
        """US dollars that the run can spend at all: every attempt used, or the cap reached."""
        most = self.least * self.num_attempts
        return most if self.max_cost is None else min(most, max(0.0, self.max_cost - self.spent))


class Ledger:
    """The paid calls of all runs that share a folder. Threads may share it; processes may not.

    Args:
        folder: where it lies; made if it is not there.
        max_cost: US dollars that all its calls together may cost.

    Raises:
        FormatError: what lies there is no ledger.
    """

    def __init__(self, folder: Path, max_cost: float) -> None:
        self.max_cost = max_cost
        self._answers = folder / _ANSWERS
        self._lock = threading.Lock()
        self._open: dict[str, list[float]] = {}
        self._ended: dict[str, Ended] = {}
        self._pending: set[str] = set()
        self._turns: dict[str, threading.Lock] = {}
        self._spent = 0.0
        self._calls = folder / _CALLS
        for number, row in read_rows(self._calls):
            self._replay(row, f"{self._calls}, line {number}")

    @property
    def spent(self) -> float:
        """US dollars of all calls, those of unknown end counted as paid."""
        with self._lock:
            return self._total()

    @property
    def num_unknown(self) -> int:
        """Calls that were sent and never heard of again."""
        with self._lock:
            heard = sum(n in self._pending or self._path(n).exists() for n in self._open)
            return sum(len(prices) for prices in self._open.values()) - heard

    def turn(self, call: Call) -> threading.Lock:
        """Return the lock of a call: of two equal questions the second waits for the first."""
        with self._lock:
            return self._turns.setdefault(call.name, threading.Lock())

    def state(self, call: Call) -> State:
        """Say what is known of a call."""
        with self._lock:
            name = call.name
            if name in self._ended or self._path(name).exists():
                return "answered"
            return "unknown" if name in self._open else "new"

    def ended(self, call: Call) -> Ended | None:
        """Return how a call ended; ``None`` where its answer lies there, not yet looked at."""
        with self._lock:
            return self._ended.get(call.name)

    def answer(self, call: Call) -> bytes:
        """Return the kept answer of a call.

        Raises:
            FormatError: it was taken away.
        """
        try:
            return self._path(call.name).read_bytes()
        except OSError as error:
            raise FormatError(
                f"The answer {self._path(call.name)} was paid for, and is gone.",
                hint="Restore the file from a copy; or use another --ledger, and pay again.",
            ) from error

    def begin(self, call: Call, key: str, price: float) -> None:
        """Write the intent of a call, before it is made.

        Raises:
            BudgetError: the cap leaves no room for its price.
        """
        with self._lock:
            if self._total() + price > self.max_cost + _TOLERANCE:
                raise BudgetError(
                    f"The next call costs {price:.3f} USD; {self._total():.2f} of "
                    f"{self.max_cost:.2f} USD are spent.",
                    hint="Run the same command with a higher --max-cost to go on.",
                )
            # In memory first: a call whose intent could not be written is not made.
            self._open.setdefault(call.name, []).append(price)
            self._pending.add(call.name)
        self._log.append({"event": "intent", "call": call.name, "key": key, "price": price})

    def keep(self, call: Call, answer: bytes) -> None:
        """Keep an answer as it came, on the disk, before anybody looks at it."""
        write_durably(self._path(call.name), answer)

    def end(self, call: Call, ended: Ended) -> None:
        """Write how a call ended."""
        row = {"outcome": ended.outcome, "cost": ended.cost, "detail": ended.detail}
        self._log.append({"event": "end", "call": call.name, **row})
        with self._lock:
            self._end(call.name, ended)

    def withdraw(self, call: Call) -> None:
        """Write that a call was surely not carried out: it is as if it had not been made."""
        self._log.append({"event": "withdrawn", "call": call.name})
        with self._lock:
            self._withdraw(call.name)

    def lose(self, call: Call) -> None:
        """Leave a call without an end: its answer was lost on its way."""
        with self._lock:
            self._pending.discard(call.name)

    def close(self) -> None:
        """Close the ledger's file."""
        if "_log" in self.__dict__:
            self._log.close()

    @cached_property
    def _log(self) -> LineLog:
        """The file, opened at the first line: looking at a ledger changes nothing."""
        return LineLog(self._calls, durable=True)

    def _path(self, name: str) -> Path:
        return self._answers / name[:2] / name

    def _total(self) -> float:
        return self._spent + sum(sum(prices) for prices in self._open.values())

    def _end(self, name: str, ended: Ended) -> None:
        self._pending.discard(name)
        if prices := self._open.get(name):
            prices.pop()
            self._close_if_empty(name)
        self._spent += ended.cost
        self._ended[name] = ended

    def _withdraw(self, name: str) -> None:
        self._pending.discard(name)
        if prices := self._open.get(name):
            prices.pop()
            self._close_if_empty(name)

    def _close_if_empty(self, name: str) -> None:
        if not self._open[name]:
            del self._open[name]

    def _replay(self, row: Mapping[str, Any], where: str) -> None:
        try:
            name, event = str(row["call"]), row["event"]
            if event == "intent":
                self._open.setdefault(name, []).append(float(row["price"]))
            elif event == "end" and row["outcome"] in OUTCOMES:
                outcome, detail = cast("Outcome", row["outcome"]), str(row["detail"])
                self._end(name, Ended(outcome=outcome, cost=float(row["cost"]), detail=detail))
            elif event == "withdrawn":
                self._withdraw(name)
            else:
                raise ValueError(f"event {event!r}")
        except (KeyError, ValueError, TypeError) as error:
            raise FormatError(
                f"{where}, is no line of a ledger ({error}).",
                hint="Restore it from a copy: it says what was paid.",
            ) from error


def cap(max_cost: float | None) -> float | None:
    """Return the cap in US dollars: the user's, else that of GGT_MAX_COST, else ``None``.

    Raises:
        UsageError: it is no amount of money.
    """
    if max_cost is not None:
        source, amount = "--max-cost", max_cost
    else:
        text = os.environ.get(MAX_COST_VARIABLE)
        if not text:
            return None
        source = MAX_COST_VARIABLE
        try:
            amount = float(text)
        except ValueError:
            amount = -1.0
    if not 0 <= amount < float("inf"):
        raise UsageError(f"{source} is no amount of US dollars.", hint="Write --max-cost 50.")
    return amount


def price_of(editor: Editor, max_cost: float | None) -> float:
    """Return what an answer costs; refuse to spend what was not allowed.

    Raises:
        BudgetError: nobody said what an answer costs, or there is no cap.
    """
    if editor.price is None:
        raise BudgetError(
            f"Nobody said what an answer of {editor.id} costs.",
            hint="Give --price in US dollars an answer, from your provider's list; 0 if free.",
        )
    if not 0 <= editor.price < float("inf"):
        raise UsageError(f"{editor.price} is no price.", hint="Give --price in US dollars.")
    if editor.price > 0 and max_cost is None:
        raise BudgetError(
            f"{editor.id} costs {editor.price:.3f} USD an answer, and there is no cap.",
            hint=f"Give --max-cost, or set {MAX_COST_VARIABLE}.",
        )
    return editor.price
