"""What the bare name ``ggt-100k`` means.

The Hub serves no name without a namespace, so the name is resolved here, in this order:

1. a folder ``./ggt-100k``, as plain `datasets` does: a dataset, or a stub that ``ggt link`` wrote;
2. the stub that ``ggt link --everywhere`` wrote into the cache;
3. the embedded sample, built into the cache on first use, and said so once.
"""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

from ggt_hf.data.loading.location import Location
from ggt_hf.data.loading.sample_shards import sample_dataset
from ggt_hf.data.loading.stub import read_link
from ggt_hf.data.reading.cache import default_folder

BARE_NAME = "ggt-100k"
"""The name of the dataset without its namespace."""

_log = logging.getLogger(__name__)


def everywhere_folder() -> Path:
    """Return the folder whose stub gives the bare name its meaning in every directory."""
    return default_folder() / "link"


def resolve_bare_name(revision: str | None = None) -> Location:
    """Return where the dataset ``ggt-100k`` lies, seen from the working directory.

    Args:
        revision: wins over the revision that a stub pins.

    Raises:
        UsageError: a revision is asked for, and the name means a folder.
        FormatError: a stub cannot be read.
    """
    for folder in (Path(BARE_NAME), everywhere_folder() / BARE_NAME):
        if folder.is_dir():
            link = read_link(folder)
            return (link or Location(path=str(folder), on_hub=False)).at(revision)
    _remark_on_sample()
    return Location(path=str(sample_dataset()), on_hub=False).at(revision)


@cache
def _remark_on_sample() -> None:
    _log.warning(
        "'%s' means the small embedded sample here, not the full dataset. "
        "Name a folder or ORG/%s, or give the name a meaning with: "
        "ggt link --everywhere --to ORG/%s",
        *[BARE_NAME] * 3,
    )
