"""Pipelines as diffusers has them: `from_pretrained`, a call, `save_pretrained`, `push_to_hub`."""

from __future__ import annotations
