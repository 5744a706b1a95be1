"""Tests of the Space."""

from __future__ import annotations
