"""``python -m ggt_hf`` is the command ``ggt``."""

from __future__ import annotations

from ggt_hf.cli.app import main

main()
