"""The dataset as a builder class of `datasets`, for those who want one to import or subclass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
from datasets.data_files import DataFilesDict
from datasets.packaged_modules.webdataset.webdataset import WebDataset

from ggt_hf.data.format.card import DEFAULT_CONFIG, card_metadata
from ggt_hf.data.format.schema import FORMAT_VERSION, features
from ggt_hf.data.loading.bare_name import BARE_NAME, resolve_bare_name
from ggt_hf.data.loading.location import Location
from ggt_hf.errors import UsageError
from ggt_hf.records import DEGRADATIONS

_VERSION = f"{FORMAT_VERSION}.0.0"


class GGT100K(WebDataset):  # type: ignore[misc]  # datasets has no types
    """Pairs of low-quality pictures and their ground truth, read from shards of format v1.

    Example::

        builder = GGT100K(config_name="rain", data_dir="path/to/ggt-100k")
        pairs = builder.as_streaming_dataset(split="train")

    Args:
        cache_dir: where `download_and_prepare` writes; ``None`` = as `datasets` does.
        config_name: ``default`` or a category.
        data_dir: folder of the dataset.
        repo_id: ``namespace/name`` on the Hub, instead of `data_dir`. With neither, what the
            bare name ``ggt-100k`` means here.
        revision: commit, tag or branch of the repository; pinned to a commit at once.
        token: Hub token; ``None`` = HF_TOKEN or the stored one.
        **options: handed to `datasets.DatasetBuilder`.

    Raises:
        UsageError: the dataset has no such configuration.
        FormatError: there is no dataset of this format.
    """

    BUILDER_CONFIGS = [  # noqa: RUF012  # the class attribute that datasets reads
        datasets.BuilderConfig(name=name, version=_VERSION)
        for name in (DEFAULT_CONFIG, *DEGRADATIONS)
    ]
    DEFAULT_CONFIG_NAME = DEFAULT_CONFIG

    def __init__(
        self,
        cache_dir: str | None = None,
        config_name: str | None = None,
        *,
        data_dir: str | Path | None = None,
        repo_id: str | None = None,
        revision: str | None = None,
        token: str | None = None,
        **options: Any,
    ) -> None:
        where = repo_id or data_dir
        place = Location.parse(where, revision) if where else resolve_bare_name(revision)
        config_name = config_name or DEFAULT_CONFIG
        with place.open(token) as store:
            place, metadata = place.pinned_to(store), card_metadata(store.info)
        self._declared_splits = _entry(metadata["dataset_info"], config_name, place)["splits"]
        data_files = _entry(metadata["configs"], config_name, place)["data_files"]
        super().__init__(
            cache_dir=cache_dir,
            dataset_name=BARE_NAME,
            config_name=config_name,
            # Resolved files carry their time or commit: another state gets another cache entry.
            data_files=DataFilesDict.from_patterns(
                {files["split"]: [f"{place.base}/{files['path']}"] for files in data_files},
                download_config=datasets.DownloadConfig(token=token),
            ),
            token=token,
            **options,
        )

    def _info(self) -> datasets.DatasetInfo:
        splits = datasets.SplitDict.from_split_dict(self._declared_splits)
        return datasets.DatasetInfo(features=features(), splits=splits)


def _entry(entries: list[dict[str, Any]], config_name: str, place: Location) -> dict[str, Any]:
    by_name = {entry["config_name"]: entry for entry in entries}
    if config_name not in by_name:
        raise UsageError(
            f"{place.path} has no configuration {config_name!r}.",
            hint=f"Take one of: {', '.join(by_name)}",
        )
    return by_name[config_name]
