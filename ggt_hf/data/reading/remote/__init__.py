"""A dataset on the Hub: requests, exact byte ranges, and whole pairs out of them."""

from __future__ import annotations
