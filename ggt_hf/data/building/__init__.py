"""From what users have to a dataset that is whole or not there."""

from __future__ import annotations
