"""`load_dataset`, and what stands behind the bare name."""

from __future__ import annotations
