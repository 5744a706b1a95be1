"""A real server of the Hub's protocol on loopback, with faults on demand. See README.md."""

from __future__ import annotations
