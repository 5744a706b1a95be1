"""Exact byte ranges of a dataset, from a folder or a pinned commit of the Hub."""

from __future__ import annotations
