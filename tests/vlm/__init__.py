"""Tests of ggt_hf.vlm."""
