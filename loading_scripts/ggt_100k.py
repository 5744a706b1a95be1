"""The dataset as an importable builder; see the README.md beside it for when to use it.

from ggt_100k import GGT100K

pairs = GGT100K(config_name="rain", data_dir="path/to/ggt-100k").as_streaming_dataset("train")
"""

from __future__ import annotations

from ggt_hf.data.loading.builder import GGT100K

__all__ = ["GGT100K"]
