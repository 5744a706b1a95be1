"""Run every check on a dataset, over processes, in bounded memory."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ggt_hf.data.format.manifest import DatasetInfo, Manifest, PairRow
from ggt_hf.data.format.schema import CARD_PATH, INFO_PATH, MANIFEST_PATH
from ggt_hf.data.validation.card import check_card
from ggt_hf.data.validation.comparison import compare_readers, plan_reading
from ggt_hf.data.validation.holding import Holding, hold
from ggt_hf.data.validation.report import Check, Ledger, Level, ValidationReport, conclude
from ggt_hf.data.validation.rows import check_manifest
from ggt_hf.data.validation.shard import ShardExam, ShardTask
from ggt_hf.data.validation.structure import check_structure
from ggt_hf.data.validation.workers import examine_all
from ggt_hf.errors import UsageError
from ggt_hf.progress import bar

_SHARD_CHECKS: tuple[Check, ...] = ("hashes", "tars", "keys", "records", "pixels")

_WORTH_PROCESSES = 64 * 1024 * 1024
"""Bytes of shards below which one process is done before a second has started."""


def validate(
    where: str | Path,
    *,
    revision: str | None = None,
    token: str | None = None,
    level: Level = "default",
    readers_limit: int | None = None,
    num_workers: int = 1,
    quiet: bool = True,
) -> ValidationReport:
    """Prove that a dataset reads right everywhere, or say where it does not.

    Nothing that the dataset says of itself is trusted, nothing is unpacked to the disk, and
    whatever is wrong becomes a finding of the report, not an error.

    Args:
        where: a folder, or ``namespace/name`` on the Hub. Also a folder of plain tars.
        revision: commit, tag or branch on the Hub.
        token: Hub token; ``None`` = HF_TOKEN or the stored one.
        level: how much to look at.
        readers_limit: pairs of each category and split that stock readers read, in whole
            shards; ``None`` = all of a small dataset, a sample of a large one.
        num_workers: processes that read shards. More than one needs a main module that can be
            imported again, as `multiprocessing` asks.
        quiet: show no progress.

    Raises:
        UsageError: `where` is no dataset, or not even a folder of tars.
        HubError: the Hub does not show it.
        ReadError: the Hub gave no answer.
    """
    started = time.monotonic()
    holding = hold(where, revision=revision, token=token)
    course = _Course(holding, holding.sizes, level)
    course.look_at_meta()
    if level != "quick":
        course.look_at_shards(num_workers, quiet=quiet)
        course.look_through_readers(readers_limit, quiet=quiet)
    return ValidationReport(
        name=holding.name,
        revision=holding.revision,
        level=level,
        num_pairs=course.num_pairs,
        seconds=round(time.monotonic() - started, 3),
        checks=conclude(course.ledgers, course.looked_at, course.left_out),
    )


@dataclass(slots=True)
class _Course:
    """One validation while it runs."""

    holding: Holding
    sizes: Mapping[str, int]
    level: Level
    info: DatasetInfo | None = None
    manifest: Manifest | None = None
    configs: list[str] = field(default_factory=list)
    num_pairs: int = 0
    unsafe: list[str] = field(default_factory=list)
    ledgers: list[Ledger] = field(default_factory=list)
    looked_at: dict[Check, str] = field(default_factory=dict)
    left_out: dict[Check, str] = field(default_factory=dict)

    def look_at_meta(self) -> None:
        """Check all that can be checked without opening a shard."""
        if INFO_PATH not in self.sizes and not self._shards():
            raise UsageError(
                f"{self.holding.name} holds no dataset: neither {INFO_PATH} nor any tar.",
                hint="Build one there: ggt build SRC OUT.",
            )
        self.info = check_structure(self.holding, self.sizes, self._ledger(INFO_PATH))
        self.manifest = check_manifest(
            self.holding, self.sizes, self.info, self._ledger(MANIFEST_PATH)
        )
        self.configs = check_card(self.holding, self.sizes, self.info, self._ledger(CARD_PATH))
        self.num_pairs = self.info.num_pairs if self.info else 0
        self.looked_at["structure"] = f"{len(self.sizes):,} files"
        self.looked_at["manifest"] = f"{len(self.manifest or ()):,} rows"
        self.looked_at["card"] = f"{len(self.configs):,} configurations"
        if self.info is None:
            for check in ("manifest", "card"):
                self.left_out[check] = "the comparison with meta/info.json, which is unusable"
        if self.level == "quick":
            for check in (*_SHARD_CHECKS, "readers"):
                self.left_out[check] = "--quick opens no shard"
            self._check_listed_sizes()

    def look_at_shards(self, num_workers: int, *, quiet: bool) -> None:
        """Read every shard there is, listed or not."""
        homes: dict[str, str] = {}
        members = records = pictures = 0
        for exam in self._examined(num_workers, quiet=quiet):
            self.ledgers.append(exam.ledger)
            members += exam.num_members
            records += exam.num_records
            pictures += exam.num_pictures
            if not exam.safe:
                self.unsafe.append(exam.path)
            for key in exam.keys:
                home = homes.setdefault(key, exam.path)
                if home != exam.path:
                    cause = f"the key stands also in {home}"
                    hint = "Give every pair a key of its own, and build again."
                    exam.ledger.add("keys", cause, hint, subject=key)
        self.num_pairs = len(homes)
        total = sum(self._shards().values())
        self.looked_at |= {
            "tars": f"{members:,} members",
            "keys": f"{len(homes):,} keys",
            "records": f"{records:,} records",
            "pixels": f"{pictures:,} pictures decoded",
        }
        if self.info is None:
            self.left_out["hashes"] = "no usable meta/info.json to compare with"
        else:
            self.looked_at["hashes"] = f"{total:,} bytes in {len(self._shards()):,} shards"
        if self.manifest is None:
            for check in ("tars", "pixels", "records"):
                self.left_out[check] = "the comparison with the manifest, which is unusable"

    def look_through_readers(self, limit: int | None, *, quiet: bool) -> None:
        """Compare stock readers with the manifest."""
        if self.info is None or self.manifest is None:
            self.left_out["readers"] = "no usable meta/ to compare with"
            return
        if self.unsafe:
            self.left_out["readers"] = (
                f"stock readers are kept away from {', '.join(self.unsafe[:3])}, which could "
                "make them allocate without bound"
            )
            return
        free_bytes = shutil.disk_usage(tempfile.gettempdir()).free
        plan = plan_reading(self.info, self.level, limit, free_bytes)
        missing = [shard.path for shard in plan.shards if shard.path not in self.sizes]
        if missing or not plan.shards:
            self.left_out["readers"] = f"shards are missing: {', '.join(missing[:3]) or 'all'}"
            return
        rows = compare_readers(
            self.holding,
            plan,
            self.info,
            self.manifest,
            self.configs,
            self._ledger(CARD_PATH),
            quiet=quiet,
        )
        self.looked_at["readers"] = f"{rows:,} rows by webdataset and datasets"
        if plan.left_out:
            self.left_out["readers"] = plan.left_out

    def _check_listed_sizes(self) -> None:
        ledger = self._ledger(INFO_PATH)
        for shard in self.info.shards if self.info else ():
            size = self.sizes.get(shard.path, shard.num_bytes)
            if size != shard.num_bytes:
                cause = f"it has {size:,} bytes, meta/info.json says {shard.num_bytes:,}"
                hint = "Fetch or push this shard again, or rebuild it with ggt build."
                ledger.add("hashes", cause, hint, where=shard.path)
        if self.info is not None:
            self.looked_at["hashes"] = f"sizes of {len(self.info.shards):,} shards"
            self.left_out["hashes"] = "SHA-256: --quick opens no shard"

    def _examined(self, num_workers: int, *, quiet: bool) -> list[ShardExam]:
        sizes = self._shards()
        with bar("Reading shards", sum(sizes.values()), quiet=quiet) as advance:
            worth_it = sum(sizes.values()) >= _WORTH_PROCESSES
            workers = min(num_workers, len(sizes) or 1) if worth_it else 1
            exams = examine_all(self._tasks(), workers, advance)
            return sorted(exams, key=lambda exam: exam.path)

    def _tasks(self) -> Iterator[ShardTask]:
        listed = {shard.path: shard for shard in self.info.shards} if self.info else {}
        for path, size in sorted(self._shards().items()):
            yield ShardTask(
                holding=self.holding,
                path=path,
                num_bytes=size,
                listed=listed.get(path),
                rows=self._rows(path),
            )

    def _rows(self, path: str) -> tuple[PairRow, ...] | None:
        if self.manifest is None:
            return None
        import pyarrow.compute as pc

        chosen = pc.equal(self.manifest.table["shard"], path)
        return tuple(Manifest(self.manifest.table.filter(chosen)))

    def _shards(self) -> dict[str, int]:
        return {path: size for path, size in self.sizes.items() if path.endswith(".tar")}

    def _ledger(self, where: str) -> Ledger:
        self.ledgers.append(Ledger(where))
        return self.ledgers[-1]
