"""Restorers: networks and pipelines that take low-quality pictures back, and files through them."""

from __future__ import annotations
