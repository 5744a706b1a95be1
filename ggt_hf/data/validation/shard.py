"""One shard, read once from its first byte to its last, by every check that needs its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from ggt_hf.data.format.manifest import MemberSpan, PairRow, ShardInfo
from ggt_hf.data.format.schema import GT, JSON, LQ, MEMBERS, member_name, parse_shard_path
from ggt_hf.data.validation import pixels, record
from ggt_hf.data.validation.holding import Holding
from ggt_hf.data.validation.keys import check_keys, split_name
from ggt_hf.data.validation.report import Check, Ledger
from ggt_hf.data.validation.tarwalk import Member, ShardStream, TarWalk
from ggt_hf.errors import FormatError, HubError, ReadError
from ggt_hf.images import ImageInfo

_FETCH = "Fetch or push this shard again, or rebuild it with ggt build."
_REBUILD = "Build the dataset again with ggt build."


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardTask:
    """What a worker needs to examine one shard."""

    holding: Holding
    """Where it lies."""
    path: str
    """Its path inside the dataset."""
    num_bytes: int
    """Its true size."""
    listed: ShardInfo | None
    """Its record in ``meta/info.json``, where there is one."""
    rows: tuple[PairRow, ...] | None
    """Its manifest rows; ``None`` where there is no manifest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardExam:
    """What a worker brings back."""

    path: str
    """The shard."""
    ledger: Ledger
    """What was found."""
    keys: tuple[str, ...]
    """The keys in it, as far as it could be read."""
    num_members: int
    """Regular members seen."""
    num_records: int
    """JSON members seen."""
    num_pictures: int
    """Pictures decoded without an error."""
    complete: bool
    """Whether it was seen to its end."""
    safe: bool
    """Whether stock readers can be let loose on it."""


def examine(task: ShardTask) -> ShardExam:
    """Read a shard and check it; no finding raises."""
    ledger = Ledger(task.path)
    stream = ShardStream(task.holding, task.path, task.num_bytes)
    walk = TarWalk(stream, ledger)
    desk = _Desk(task, ledger, stream)
    try:
        for member in walk:
            desk.take(member)
        _check_hash(task, stream, ledger)
    except (ReadError, HubError) as error:
        ledger.add("hashes", error.message, error.hint)
    keys = check_keys(desk.names, ledger, complete=walk.complete)
    if not desk.names:
        ledger.add("keys", "there is no pair in it", "Delete the shard, or build it again.")
    desk.compare_pictures()
    if task.rows is not None:
        _check_spans(task.rows, desk.spans, ledger, complete=walk.complete)
    return ShardExam(
        path=task.path,
        ledger=ledger,
        keys=tuple(keys),
        num_members=len(desk.names),
        num_records=sum(split_name(name)[1] == JSON for name in desk.names),
        num_pictures=sum(map(len, desk.pictures.values())),
        complete=walk.complete,
        safe=walk.safe,
    )


class _Desk:
    """Takes the members of one shard as they pass and keeps only what is small."""

    def __init__(self, task: ShardTask, ledger: Ledger, stream: ShardStream) -> None:
        self.names: list[str] = []
        self.spans: dict[str, MemberSpan] = {}
        self.pictures: dict[str, dict[str, ImageInfo]] = {}
        self._ledger = ledger
        self._stream = stream
        self._rows = {row.key: row for row in task.rows or ()}
        self._category = _category(task.path)

    def take(self, member: Member) -> None:
        """Hash a member and look into it."""
        key, suffix = split_name(member.name)
        self.names.append(member.name)
        digest = hashlib.sha256()
        wanted = member.size <= (record.MAX_BYTES if suffix == JSON else pixels.MAX_BYTES)
        content: list[bytes] = []
        for piece in self._stream.pieces(member.size):
            digest.update(piece)
            if wanted and suffix in MEMBERS:
                content.append(bytes(piece))
        span = MemberSpan(offset=member.offset, num_bytes=member.size, sha256=digest.hexdigest())
        self.spans.setdefault(member.name, span)
        if suffix in MEMBERS and not wanted:
            check: Check = "records" if suffix == JSON else "pixels"
            cause = f"it has {member.size:,} bytes, more than any that is opened"
            self._ledger.add(check, cause, "Drop the pair, or shrink it.", subject=member.name)
        elif suffix in MEMBERS:
            self._look(key, suffix, b"".join(content), member.name)

    def _look(self, key: str, suffix: str, content: bytes, name: str) -> None:
        if suffix == JSON:
            record.check_record(
                content,
                self._ledger,
                name=name,
                category=self._category,
                row=self._rows.get(key),
            )
            return
        picture = pixels.decode_whole(content, name, self._ledger)
        if picture is None:
            return
        self.pictures.setdefault(key, {})[suffix] = picture
        row = self._rows.get(key)
        if row is not None:
            told = row.lq_index if suffix == LQ else row.gt_index
            pixels.check_index(content, name, told, self._ledger)

    def compare_pictures(self) -> None:
        """Compare the two sides of every pair seen."""
        for key, pictures in self.pictures.items():
            pixels.check_pair(key, pictures, self._rows.get(key), self._ledger)


def _category(path: str) -> str | None:
    try:
        return parse_shard_path(path)[0]
    except FormatError:
        return None


def _check_hash(task: ShardTask, stream: ShardStream, ledger: Ledger) -> None:
    found = stream.sha256()
    if task.listed is None:
        return
    if task.num_bytes != task.listed.num_bytes:
        cause = f"it has {task.num_bytes:,} bytes, meta/info.json says {task.listed.num_bytes:,}"
        ledger.add("hashes", cause, _FETCH)
    if found != task.listed.sha256:
        cause = f"its SHA-256 is {found}, meta/info.json says {task.listed.sha256}"
        ledger.add("hashes", cause, _FETCH)


def _check_spans(
    rows: tuple[PairRow, ...],
    spans: Mapping[str, MemberSpan],
    ledger: Ledger,
    *,
    complete: bool,
) -> None:
    """Compare where the manifest says that the members lie with where they lie."""
    lost = 0
    for row in rows:
        told = {LQ: row.lq, GT: row.gt, JSON: row.json}
        for suffix, span in told.items():
            name = member_name(row.key, suffix)
            found = spans.get(name)
            if found is None:
                lost += 1
                if complete:
                    cause = "the manifest names it, but the shard does not hold it"
                    ledger.add("tars", cause, _REBUILD, subject=name)
            elif found != span:
                _note_difference(name, span, found, ledger)
    if lost and not complete:
        cause = f"{lost:,} members that the manifest names could not be reached"
        ledger.add("tars", cause, _FETCH)
    known = {member_name(row.key, suffix) for row in rows for suffix in MEMBERS}
    for name in (name for name in spans if name not in known):
        cause = "the manifest does not name it: reading by the manifest never sees it"
        ledger.add("tars", cause, _REBUILD, subject=name)


def _note_difference(name: str, told: MemberSpan, found: MemberSpan, ledger: Ledger) -> None:
    if (told.offset, told.num_bytes) != (found.offset, found.num_bytes):
        cause = (
            f"the manifest says {told.num_bytes:,} bytes at {told.offset:,}, "
            f"it has {found.num_bytes:,} at {found.offset:,}"
        )
    else:
        cause = "its content is not what the manifest's SHA-256 names: bytes were changed"
    ledger.add("tars", cause, _FETCH, subject=name)
