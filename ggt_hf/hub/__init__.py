"""Datasets and models to the Hub: planned, sent in one commit, proven there."""
