"""``python -m ggt_hf.space``: the Space on this machine, with the embedded models."""

from __future__ import annotations

from ggt_hf.space import serve

if __name__ == "__main__":
    serve()
