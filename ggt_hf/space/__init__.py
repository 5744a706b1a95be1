"""A Space: a photograph in; what a model sees in it, and a restoration under a slider, out."""

from __future__ import annotations

from ggt_hf.space.app import serve

__all__ = ["serve"]
