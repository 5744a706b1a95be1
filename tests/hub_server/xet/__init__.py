"""The Xet content-addressed store: the routes that hf_xet calls, and its two binary formats."""

from __future__ import annotations
