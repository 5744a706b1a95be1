"""Tests of the room `ggt_hf.data.reading`."""

from __future__ import annotations
