"""Restorers: networks and pipelines that take a low-quality picture back, and their use on files."""

from __future__ import annotations
