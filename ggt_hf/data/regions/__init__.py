"""Decode only what a crop needs, bit for bit what a full decode would give it."""

from __future__ import annotations

from ggt_hf.data.regions.decode import decode_region, read_region, seek_index
from ggt_hf.data.regions.parts import Read
from ggt_hf.data.regions.region import Region

__all__ = ["Read", "Region", "decode_region", "read_region", "seek_index"]
