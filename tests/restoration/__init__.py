"""Tests of the room `ggt_hf.restoration`."""
