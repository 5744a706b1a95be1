"""Tests of the room `ggt_hf.data.streaming`."""

from __future__ import annotations
