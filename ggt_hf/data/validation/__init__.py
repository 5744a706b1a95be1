"""Prove that a dataset reads right everywhere, trusting nothing that it says of itself.

Nine checks, each in its own module: ``structure``, ``manifest``, ``card`` look at ``meta/`` and
README.md; ``hashes``, ``tars``, ``keys``, ``records``, ``pixels`` at every byte of every shard;
``readers`` runs stock `datasets` and stock `webdataset` beside the manifest and compares.
"""

from __future__ import annotations

from ggt_hf.data.validation.report import CheckResult, Finding, Level, ValidationReport
from ggt_hf.data.validation.validate import validate

__all__ = ["CheckResult", "Finding", "Level", "ValidationReport", "validate"]
