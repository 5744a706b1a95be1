"""Work of stages as tests need it: functions of a module, so that other processes find them."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ggt_hf.engines import Unit
from ggt_hf.errors import ModelError


def small_sources(count: int) -> list[Unit]:
    """Units in no order, with keys of other alphabets among them."""
    keys = [f"{'ä' if index % 7 == 0 else 'photo'}-{index:04d}" for index in range(count)]
    units = [Unit(key=key, payload={"seed": len(key) * 31 + i}) for i, key in enumerate(keys)]
    return units[::-1]


def measure(unit: Unit) -> dict[str, Any]:
    """A row with a float that must survive every way to the manifest, and nested values."""
    digest = hashlib.sha256(f"{unit.key}{unit.payload}".encode()).digest()
    return {
        "score": int.from_bytes(digest[:6]) / 2**48,
        "text": f"é\n{unit.key}",
        "parts": [digest[0], {"b": None, "a": True}],
    }


def slowly(unit: Unit) -> dict[str, Any]:
    """`measure`, slow enough to be killed in the middle."""
    time.sleep(0.004)
    return measure(unit)


def fussy(unit: Unit) -> dict[str, Any]:
    """`measure`, which fails at keys that end in 5 while the file of the payload lies."""
    if unit.key.endswith("5") and Path(str(unit.payload["while"])).exists():
        raise ValueError(f"{unit.key} is bad\nin two lines")
    return {"key": unit.key, "fine": True}


def deadly(unit: Unit) -> dict[str, Any]:
    """Kill the process at the one unit that says so."""
    if unit.payload.get("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    return measure(unit)


def in_batches(bad: str, units: Sequence[Unit]) -> list[dict[str, Any] | Exception]:
    """A row for each, which knows how many were together; an error stands for one of them."""
    return [ValueError("is bad") if unit.key == bad else {"together": len(units)} for unit in units]


def deadly_batch(units: Sequence[Unit]) -> list[dict[str, Any]]:
    return [deadly(unit) for unit in units]


def fussy_batch(units: Sequence[Unit]) -> list[dict[str, Any]]:
    return [fussy(unit) for unit in units]


def without_model(unit: Unit) -> dict[str, Any]:
    raise ModelError("The endpoint is gone.", hint="Start it again.")


def nan(unit: Unit) -> dict[str, Any]:
    return {"score": float("nan")}


def impostor(unit: Unit) -> dict[str, Any]:
    return {"key": "another"}


def load(log: str) -> str:
    """A set-up that leaves a line each time it is done."""
    with Path(log).open("a") as file:
        file.write(f"{os.getpid()}\n")
    return "model"


def with_model(model: str, unit: Unit) -> dict[str, Any]:
    return {"by": model, "pid": os.getpid()}


def broken_load() -> str:
    raise RuntimeError("no such weights")


def dying_load() -> str:
    os._exit(3)
