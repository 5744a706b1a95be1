"""Tests of the room `ggt_hf.pages`."""

from __future__ import annotations
