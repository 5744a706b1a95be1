"""Tests of the room `ggt_hf.data.loading`."""

from __future__ import annotations
