"""Tests of the room `ggt_hf.data`."""

from __future__ import annotations
