"""Tests of scripts/."""

from __future__ import annotations
