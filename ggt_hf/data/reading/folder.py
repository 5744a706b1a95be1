"""A complete dataset in a folder."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ggt_hf.data.format.attribution import Attribution, read_attributions
from ggt_hf.data.format.card import render_dataset_card
from ggt_hf.data.format.card_text import summary
from ggt_hf.data.format.croissant import CROISSANT_PATH, croissant
from ggt_hf.data.format.manifest import DatasetInfo, Manifest
from ggt_hf.data.format.schema import CARD_PATH, INFO_PATH, MANIFEST_PATH
from ggt_hf.data.reading.local import LocalFiles
from ggt_hf.data.reading.reader import open_meta
from ggt_hf.errors import UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetFolder:
    """A folder whose ``meta/info.json`` exists and whose manifest is the one it names."""

    root: Path
    """The folder."""
    info: DatasetInfo
    """Its record."""
    manifest: Manifest
    """Its rows."""
    info_bytes: bytes
    """``meta/info.json`` as it was read."""
    manifest_bytes: bytes
    """``meta/manifest.parquet`` as it was read."""

    @classmethod
    def open(cls, folder: Path) -> DatasetFolder:
        """Read the two files of ``meta/``; shards are not touched.

        Raises:
            UsageError: no folder.
            IncompleteError, FormatError, ReadError: as `open_meta`.
        """
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder.", hint="Name the folder ggt build wrote.")
        files = LocalFiles(folder)
        info, manifest = open_meta(files)
        return cls(
            root=folder,
            info=info,
            manifest=manifest,
            info_bytes=files.read_file(INFO_PATH),
            manifest_bytes=files.read_file(MANIFEST_PATH),
        )

    def attributions(self) -> Counter[Attribution]:
        """Count licences, credits and editors over all records; reads every pair's record."""
        return read_attributions(self.root, self.manifest)

    def card(
        self,
        *,
        attributions: Mapping[Attribution, int] | None = None,
        repo_id: str | None = None,
        pretty_name: str | None = None,
        description: str | None = None,
    ) -> str:
        """Return the README.md made from the records, as `render_dataset_card`.

        `attributions` saves reading all records again where they are known already.
        """
        return render_dataset_card(
            self.info,
            self.manifest,
            attributions=self.attributions() if attributions is None else attributions,
            repo_id=repo_id,
            pretty_name=pretty_name,
            description=description,
        )

    def croissant(self, *, repo_id: str | None = None, revision: str = "main") -> str:
        """Return the Croissant document made from the records, as `croissant` does.

        Args:
            repo_id: the Hub repository whose files it names; without it, those beside it.
            revision: tag or commit of that repository.
        """
        known = self.attributions()
        document = croissant(
            self.info,
            name=repo_id.rpartition("/")[2] if repo_id else self.root.resolve().name,
            description=summary(self.info, known),
            licenses=sorted({attribution.license for attribution in known}),
            base_url=_resolve_url(repo_id, revision) if repo_id else "",
        )
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    def write_card(self, text: str) -> None:
        """Replace the README.md, whole or not at all."""
        self._write(CARD_PATH, text)

    def write_croissant(self, text: str) -> None:
        """Replace croissant.json, whole or not at all."""
        self._write(CROISSANT_PATH, text)

    def _write(self, name: str, text: str) -> None:
        partial = self.root / f".{name}.partial"
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.root / name)


def _resolve_url(repo_id: str, revision: str) -> str:
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/datasets/{repo_id}/resolve/{revision}/"
