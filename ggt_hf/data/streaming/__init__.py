"""Pairs for training: exactly once, in a seeded order, resumable, decoded only where cropped."""

from __future__ import annotations
