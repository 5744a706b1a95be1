"""Tests of ggt_hf; the folders mirror the package's rooms."""

from __future__ import annotations
