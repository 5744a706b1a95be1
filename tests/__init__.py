"""Tests, one folder or file a room."""

from __future__ import annotations
