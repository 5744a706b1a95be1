"""The pictures of a task, not yet read: pairs, or low-quality pictures alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ggt_hf.data.building.sources import Labels, read_source
from ggt_hf.data.building.sources.blobs import Blob, FileBlob
from ggt_hf.data.building.sources.tree import walk
from ggt_hf.data.building.sources.words import Vocabulary
from ggt_hf.data.format.schema import INFO_PATH, normalise_key
from ggt_hf.data.reading.reader import open_dataset, parse_where
from ggt_hf.data.streaming.order import salt
from ggt_hf.errors import SourceError, UsageError
from ggt_hf.evaluation.task import SAMPLE, Task
from ggt_hf.records import DEGRADATIONS, Degradation

if TYPE_CHECKING:
    from ggt_hf.data.format.manifest import MemberSpan
    from ggt_hf.data.reading.store import PairStore

_TEST = "test"
_SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One picture to be restored, and what it should become."""

    key: str
    """Unique in the task."""
    category: Degradation | None
    """What dominates; ``None`` where nobody said."""
    lq: Blob
    """The low-quality picture; the clean one, where it is degraded here."""
    gt: Blob | None
    """The ground truth; ``None`` where there is none."""
    license: str = "unknown"
    """Of the pictures."""
    credit: str | None = None
    """Whom to name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredBlob:
    """A member of a dataset's shard."""

    store: PairStore
    """The dataset; pickled, it opens itself anew."""
    shard: str
    """Path of the shard inside it."""
    span: MemberSpan
    """Which bytes of it."""
    name: str
    """What to call it in messages."""

    @property
    def num_bytes(self) -> int:
        """Length of the encoded picture."""
        return self.span.num_bytes

    @property
    def mark(self) -> str:
        """Its SHA-256."""
        return self.span.sha256

    def read(self) -> bytes:
        """Return the encoded picture."""
        return self.store.read(self.shard, self.span.offset, self.span.num_bytes)


def list_cases(task: Task, *, limit: int | None = None, seed: int = 0) -> list[Case]:
    """List the pictures of a task, by key; none is read.

    Args:
        task: the task.
        limit: take this many, drawn by `seed`; ``None`` = all.
        seed: of that draw.

    Raises:
        UsageError: there is nothing, or pictures without the ground truth that the task needs.
        GgtError: they cannot be listed.
    """
    cases = sorted(_found(task), key=lambda case: case.key)
    if not cases:
        raise UsageError(
            f"The task {task.name} has no picture in {task.data}.",
            hint="Check the folder, and the split of a dataset.",
        )
    if limit is not None and limit < len(cases):
        drawn = sorted(cases, key=lambda case: salt("limit", seed, case.key))[:limit]
        cases = sorted(drawn, key=lambda case: case.key)
    return cases


def _found(task: Task) -> list[Case]:
    where = str(task.data)
    if where == SAMPLE:
        from ggt_hf import sample

        return _real() if task.reference is False else _listed(sample.PAIRS, split=_TEST)
    if not Path(where).exists() or (Path(where) / INFO_PATH).is_file():
        return _of_dataset(where, task.split)
    if task.simulate or task.reference is False:
        return _alone(Path(where), clean=task.simulate)
    return _of_folder(Path(where), task)


def _real() -> list[Case]:
    """Return the really degraded photographs of the sample."""
    from ggt_hf import sample

    return [
        Case(
            key=one.key,
            category=one.degradation,
            lq=FileBlob.of(one.path.name, one.path, one.path.stat()),
            gt=None,
            license=one.license,
            credit=one.credit,
        )
        for one in sample.real_photographs()
    ]


def _of_dataset(where: str, split: str | None) -> list[Case]:
    repo, revision = parse_where(where, None)
    store = open_dataset(where if repo is None else f"hf://datasets/{repo}", revision=revision)
    splits = {row.split for row in store.manifest}
    wanted = split or (_TEST if _TEST in splits else None)
    if wanted and wanted not in splits:
        raise UsageError(
            f"{where} has no split {wanted}.", hint=f"It has {', '.join(sorted(splits))}."
        )
    return [
        Case(
            key=row.key,
            category=_category(row.category),
            lq=StoredBlob(store=store, shard=row.shard, span=row.lq, name=f"{row.key}.lq"),
            gt=StoredBlob(store=store, shard=row.shard, span=row.gt, name=f"{row.key}.gt"),
            license=row.license,
        )
        for row in store.manifest
        if wanted is None or row.split == wanted
    ]


def _of_folder(path: Path, task: Task) -> list[Case]:
    if path.is_dir() and _has_no_roles(path):
        if task.reference:
            raise UsageError(
                f"{path} has no ground truth, which the task {task.name} needs.",
                hint="Give the folder that holds LQ/ and GT/.",
            )
        return _alone(path, clean=False)
    return _listed(path, split=task.split)


def _has_no_roles(path: Path) -> bool:
    """Say whether no folder below `path` is named as a side of pairs."""
    vocabulary = Vocabulary({})
    files = walk(path).files
    return bool(files) and all(vocabulary.read(file.path).role is None for file in files)


def _listed(path: Path, *, split: str | None) -> list[Case]:
    listing = read_source(path, Labels(category=DEGRADATIONS[0], split=split or _TEST))
    if listing.problems:
        shown = "; ".join(str(problem) for problem in listing.problems[:_SHOWN])
        raise SourceError(
            f"{path} holds what makes no pair (problems: {len(listing.problems)}): {shown}",
            hint="Mend them: a score over the others would be of another test set.",
        )
    splits = {pair.info.split for pair in listing.pairs}
    wanted = split or (_TEST if _TEST in splits else None)
    return [
        Case(
            key=pair.info.key,
            category=pair.info.degradation,
            lq=pair.lq,
            gt=pair.gt,
            license=pair.info.license,
            credit=pair.info.credit,
        )
        for pair in listing.pairs
        if wanted is None or pair.info.split == wanted
    ]


def _alone(path: Path, *, clean: bool) -> list[Case]:
    """Return pictures without partner; `clean` ones are their own ground truth."""
    tree = walk(path)
    if tree.problems:
        raise SourceError(f"{path}: {tree.problems[0].cause}", hint=tree.problems[0].fix)
    cases = []
    for number, file in enumerate(tree.files):
        key = normalise_key(file.path.rpartition(".")[0])
        category = DEGRADATIONS[number % len(DEGRADATIONS)] if clean else _told(file.path)
        cases.append(
            Case(key=key, category=category, lq=file.blob, gt=file.blob if clean else None)
        )
    _refuse_collisions(path, cases)
    return cases


def _told(path: str) -> Degradation | None:
    """Return the category that the folders of a picture name."""
    named = Vocabulary({}).read(path).categories
    return _category(next(iter(named))) if len(named) == 1 else None


def _category(word: str) -> Degradation | None:
    return next((known for known in DEGRADATIONS if known == word), None)


def _refuse_collisions(path: Path, cases: Iterable[Case]) -> None:
    names: dict[str, str] = {}
    for case in cases:
        other = names.setdefault(case.key, case.lq.name)
        if other != case.lq.name:
            raise SourceError(
                f"{other} and {case.lq.name} in {path} get the same key, {case.key}.",
                hint="Rename one of them.",
            )
