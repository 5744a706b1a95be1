"""Tests of ggt_hf.synthesis."""

from __future__ import annotations
