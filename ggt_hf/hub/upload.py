"""Carry out a plan: the bytes first, batch by batch, then everything in one commit.

Bytes sent ahead belong to no commit, so nobody sees them: at every moment a reader finds the old
state whole, or the new one. What was sent before a kill is still there, and is not sent again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ggt_hf import progress
from ggt_hf.errors import IntegrityError
from ggt_hf.hub.plan import LocalFile, PushPlan, differences
from ggt_hf.hub.refusals import ATTEMPTS, is_passing, pause_after, status_of
from ggt_hf.hub.remote import Remote

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

XET_BATCH_BYTES = 64 * 1024 * 1024
"""Bytes sent in one go through Xet, which keeps what it got when a batch ends: a larger shard is
a batch of its own, so that a kill costs one unfinished batch and no more."""

LFS_BATCH_BYTES = 8 * 1024 * 1024 * 1024
"""Bytes sent in one go through LFS, which keeps each file by itself and sends several at once."""

BATCH_FILES = 64
"""Files sent in one go."""

SENDING_ATTEMPTS = 2
"""How often a batch is sent: huggingface_hub repeats each of its requests by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Landed:
    """Where a commit came to lie."""

    commit: str
    """Its full name."""
    pull_request: str | None = None
    """The ref of its pull request, ``refs/pr/N``."""


class MovedError(Exception):
    """Somebody else has committed since the plan was made."""


def upload(remote: Remote, plan: PushPlan, *, quiet: bool) -> Landed:
    """Send what `plan` misses, and commit it.

    Args:
        remote: the repository; it exists.
        plan: made against the commit ``plan.parent``.
        quiet: show no progress.

    Raises:
        MovedError: the branch is not at ``plan.parent`` any more, and does not hold all of it.
        IntegrityError: a file changed while it was sent.
        HubError: the Hub refused.
    """
    from huggingface_hub import CommitOperationDelete

    additions: list[CommitOperationAdd] = []
    with _hub_bars(shown=not quiet and progress.wanted()):
        for batch in _batches(plan.uploads):
            additions += _send_ahead(remote, plan, batch)
    deletions = [CommitOperationDelete(path_in_repo=path) for path in plan.deletes]
    return _commit(remote, plan, [*additions, *deletions])


def _send_ahead(
    remote: Remote, plan: PushPlan, batch: Iterable[LocalFile]
) -> list[CommitOperationAdd]:
    from huggingface_hub import CommitOperationAdd

    files = list(batch)
    additions = [
        CommitOperationAdd(path_in_repo=file.path, path_or_fileobj=file.content) for file in files
    ]
    remote.ask(
        lambda: remote.api.preupload_lfs_files(
            remote.repo_id,
            additions=additions,
            repo_type=remote.kind,
            revision=plan.revision,
            create_pr=plan.create_pr,
            free_memory=False,
        ),
        doing=f"sending {files[0].path} and {len(files) - 1} more files",
        attempts=SENDING_ATTEMPTS,
    )
    for file, addition in zip(files, additions, strict=True):
        if addition.upload_info.sha256.hex() != file.sha256:
            raise IntegrityError(
                f"{plan.folder / file.path} changed while it was sent; nothing was committed.",
                hint="Wait until nobody writes to the folder, and push again.",
            )
    return additions


def _commit(
    remote: Remote,
    plan: PushPlan,
    operations: list[CommitOperationAdd | CommitOperationDelete],
) -> Landed:
    failures = 0
    while True:
        try:
            done = remote.api.create_commit(
                remote.repo_id,
                operations,
                repo_type=remote.kind,
                commit_message=plan.order.title,
                commit_description=plan.order.text,
                # The Hub opens pull requests against main, and wants to hear nothing else.
                revision=None if plan.create_pr else plan.revision,
                create_pr=plan.create_pr,
                parent_commit=plan.parent,
            )
            return Landed(commit=done.oid, pull_request=done.pr_revision)
        except Exception as error:
            # The answer may be lost though the commit was made: look before sending it again.
            landed = _find(remote, plan) if _may_have_landed(error) else None
            if landed is not None:
                return landed
            if status_of(error) == 412:
                raise MovedError from error
            failures += 1
            if failures >= ATTEMPTS or not is_passing(error):
                raise remote.refusal(error, doing=f"committing to {plan.revision}") from error
            time.sleep(pause_after(error, failures))


def _may_have_landed(error: BaseException) -> bool:
    return is_passing(error) or status_of(error) == 412


def _find(remote: Remote, plan: PushPlan) -> Landed | None:
    """Return the commit that already holds everything, if there is one."""
    refs = remote.pull_requests(plan.order.title) if plan.create_pr else [plan.revision]
    for ref in refs:
        state = remote.state(ref)
        if state is not None and differences(plan.files, state, plan.order.is_ours) == ((), ()):
            return Landed(commit=state.commit, pull_request=ref if plan.create_pr else None)
    return None


def _batches(files: Iterable[LocalFile]) -> Iterator[list[LocalFile]]:
    from huggingface_hub.constants import HF_HUB_DISABLE_XET

    most = LFS_BATCH_BYTES if HF_HUB_DISABLE_XET else XET_BATCH_BYTES
    batch: list[LocalFile] = []
    size = 0
    for file in files:
        if batch and (size + file.size > most or len(batch) == BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch


@contextmanager
def _hub_bars(*, shown: bool) -> Iterator[None]:
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if shown or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
