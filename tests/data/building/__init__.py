"""Tests of the room `ggt_hf.data.building`."""

from __future__ import annotations
