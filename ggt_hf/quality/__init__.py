"""Quality control: what a candidate must pass before it becomes a pair.

Stage 1 measures (`metric_gate`): alignment, tone, structure, sharpness, text, against limits
from one YAML file (`thresholds`). `planting` makes faults of known kind, which the limits are
chosen on and a judge is tried with.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ggt_hf.quality.metric_gate import gate
    from ggt_hf.quality.thresholds import Thresholds, default_thresholds, read_thresholds

_HOME = {
    "Thresholds": "thresholds",
    "default_thresholds": "thresholds",
    "gate": "metric_gate",
    "read_thresholds": "thresholds",
}

__all__ = ["Thresholds", "default_thresholds", "gate", "read_thresholds"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ggt_hf.quality' has no attribute {name!r}")
    return getattr(import_module(f"ggt_hf.quality.{_HOME[name]}"), name)
