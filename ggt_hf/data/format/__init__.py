"""The shard format: names in a tar, rows and hashes, and the card that stock readers go by."""

from __future__ import annotations
