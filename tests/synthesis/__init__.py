"""Tests of ggt_hf.synthesis."""
