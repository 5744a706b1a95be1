"""Tests of the room `ggt_hf.data.format`."""

from __future__ import annotations
