"""Pairs on disk and on the Hub: the shard format, what builds it, what reads it."""
