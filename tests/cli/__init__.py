"""Tests of the command `ggt`."""

from __future__ import annotations
