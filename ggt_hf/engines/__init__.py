"""Run a stage - one function over many units of work - here, as a Slurm array, or on Ray.

A unit is worked on once. Its result is one appended line, so that a kill at any moment loses at
most the unit in hand, and the same call goes on from there. What comes out is a manifest sorted
by key: the same bytes whatever the engine, the number of workers and the interruptions.
"""

from __future__ import annotations

from ggt_hf.engines.run import EngineOptions, carry_out, merge_stage, run_stage
from ggt_hf.engines.sbatch import write_sbatch
from ggt_hf.engines.stage import ENGINES, Engine, Failure, StageReport, Unit

__all__ = [
    "ENGINES",
    "Engine",
    "EngineOptions",
    "Failure",
    "StageReport",
    "Unit",
    "carry_out",
    "merge_stage",
    "run_stage",
    "write_sbatch",
]
