"""Tests of ggt_hf.vlm."""

from __future__ import annotations
