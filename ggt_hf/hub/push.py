"""Push a dataset, a model or a Space: plan, send, prove, tag."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ggt_hf.data.format.card import check_card
from ggt_hf.data.format.schema import CARD_PATH
from ggt_hf.data.reading.folder import DatasetFolder
from ggt_hf.errors import HubError, UsageError
from ggt_hf.hub.dataset import dataset_order
from ggt_hf.hub.hashing import check_shards
from ggt_hf.hub.model import model_order
from ggt_hf.hub.plan import Order, PushPlan, make_plan
from ggt_hf.hub.proof import prove
from ggt_hf.hub.remote import MAIN, Remote
from ggt_hf.hub.sharing import check_sharing
from ggt_hf.hub.space import space_order
from ggt_hf.hub.upload import Landed, MovedError, upload


@dataclass(frozen=True, kw_only=True, slots=True)
class PushReport:
    """What a push did."""

    plan: PushPlan
    """What was to be done."""
    commit: str | None
    """The commit that holds it all; ``None`` after a dry run, or when the user said no."""
    num_sent: int = 0
    """Files that were missing and are there now."""
    num_deleted: int = 0
    """Stale files that are gone now."""
    num_proven: int = 0
    """Files compared with the Hub's after the commit."""
    tag: str | None = None
    """The tag that names `commit` now."""
    pull_request: str | None = None
    """The ref of the pull request, ``refs/pr/N``."""


def push_dataset(
    folder: str | Path,
    repo_id: str,
    *,
    private: bool = True,
    create_pr: bool = False,
    revision: str = MAIN,
    token: str | None = None,
    card: str | None = None,
    acknowledge_derivatives: bool = False,
    dry_run: bool = False,
    confirm: Callable[[PushPlan], bool] | None = None,
    quiet: bool = False,
) -> PushReport:
    """Make the Hub repository `repo_id` hold exactly the dataset in `folder`.

    All bytes are sent ahead and become visible by one commit: a reader sees the old dataset or
    the new one, never a mixture. Killed at any moment and called again, it goes on. It returns
    only after every file on the Hub was compared with ours; then the tag ``format-v1`` moves to
    the commit. Called once more, it changes nothing.

    Args:
        folder: a complete dataset, as ``ggt build`` leaves it.
        repo_id: ``ORG/NAME``.
        private: visibility of a repository that has to be created. An existing public one is
            refused unless this is ``False``; an existing private one stays private.
        create_pr: open a pull request instead of committing; no tag is set then.
        revision: the branch to commit to; off ``main`` no tag is set.
        token: a Hub token; default: the stored one.
        card: the text of README.md, declaring this very dataset; default: made from the records
            for this repository.
        acknowledge_derivatives: share changed pixels although their licence forbids it
            (`ggt_hf.hub.sharing` has the rule).
        dry_run: make the plan, and stop; this alone needs no token.
        confirm: shown the plan before anything is sent; ``False`` stops.
        quiet: show no progress.

    Raises:
        UsageError: arguments that cannot be meant, or a licence in the way.
        FormatError: the folder holds no complete, unchanged dataset.
        HubError: the Hub refused, could not be reached, or holds something else than was sent.
    """
    _refuse_pr_off_main(create_pr, revision)
    dataset = DatasetFolder.open(Path(folder))
    if card is not None:
        check_card(card, dataset.info, CARD_PATH)
    rights = dataset.attributions()
    check_sharing(rights, acknowledged=acknowledge_derivatives)
    remote = Remote(repo_id, token, only_look=dry_run)
    order = dataset_order(
        dataset, rights, repo_id=repo_id, card=card, private=private, create_pr=create_pr,
        revision=revision,
    )  # fmt: skip
    plan = make_plan(order, remote)
    check_shards(dataset.root, dataset.info, quiet=quiet)
    return _if_agreed(order, plan, remote, dry_run=dry_run, confirm=confirm, quiet=quiet)


def push_model(
    folder: str | Path,
    repo_id: str,
    *,
    private: bool = True,
    create_pr: bool = False,
    revision: str = MAIN,
    token: str | None = None,
    acknowledge_derivatives: bool = False,
    dry_run: bool = False,
    confirm: Callable[[PushPlan], bool] | None = None,
    quiet: bool = False,
) -> PushReport:
    """Make the Hub repository `repo_id` hold the model of a finished run of ``ggt train``.

    It holds the weights as safetensors, a card made of the run's record, the record, the recipe
    and a few pictures; all appear by one commit, and every file is compared with ours.

    Args:
        folder: the run's folder.
        repo_id: ``ORG/NAME``.
        private: as in `push_dataset`, like all that follow.
        create_pr: open a pull request instead of committing.
        revision: the branch to commit to.
        token: a Hub token; default: the stored one.
        acknowledge_derivatives: publish weights although their data allow no derivatives.
        dry_run: make the plan, and stop; this alone needs no token.
        confirm: shown the plan before anything is sent; ``False`` stops.
        quiet: show no progress.

    Raises:
        UsageError: no finished run, weights that are no safetensors, a licence in the way, or
            arguments that cannot be meant.
        FormatError: the run's record cannot be read.
        HubError: the Hub refused, could not be reached, or holds something else than was sent.
    """
    _refuse_pr_off_main(create_pr, revision)
    remote = Remote(repo_id, token, "model", only_look=dry_run)
    order = model_order(
        Path(folder), repo_id=repo_id, private=private, create_pr=create_pr, revision=revision,
        acknowledge_derivatives=acknowledge_derivatives,
    )  # fmt: skip
    plan = make_plan(order, remote)
    return _if_agreed(order, plan, remote, dry_run=dry_run, confirm=confirm, quiet=quiet)


def push_space(
    files: Mapping[str, bytes],
    repo_id: str,
    *,
    private: bool = True,
    create_pr: bool = False,
    revision: str = MAIN,
    token: str | None = None,
    dry_run: bool = False,
    confirm: Callable[[PushPlan], bool] | None = None,
    quiet: bool = False,
) -> PushReport:
    """Make the Space `repo_id` hold `files`, by one commit; what else it holds stays.

    Args:
        files: path -> content, as `ggt_hf.space.files.space_files` makes them.
        repo_id: ``ORG/NAME``.
        private: as in `push_dataset`, like all that follow.
        create_pr: open a pull request instead of committing.
        revision: the branch to commit to.
        token: a Hub token; default: the stored one.
        dry_run: make the plan, and stop; this alone needs no token.
        confirm: shown the plan before anything is sent; ``False`` stops.
        quiet: show no progress.

    Raises:
        UsageError: arguments that cannot be meant.
        HubError: the Hub refused, could not be reached, or holds something else than was sent.
    """
    _refuse_pr_off_main(create_pr, revision)
    remote = Remote(repo_id, token, "space", only_look=dry_run)
    order = space_order(files, private=private, create_pr=create_pr, revision=revision)
    plan = make_plan(order, remote)
    return _if_agreed(order, plan, remote, dry_run=dry_run, confirm=confirm, quiet=quiet)


def _refuse_pr_off_main(create_pr: bool, revision: str) -> None:
    if create_pr and revision != MAIN:
        raise UsageError(
            "A pull request is always against main.", hint="Leave out --revision or --create-pr."
        )


def _if_agreed(
    order: Order,
    plan: PushPlan,
    remote: Remote,
    *,
    dry_run: bool,
    confirm: Callable[[PushPlan], bool] | None,
    quiet: bool,
) -> PushReport:
    if dry_run or (confirm is not None and not confirm(plan)):
        return PushReport(plan=plan, commit=None)
    return _carry_out(order, plan, remote, quiet=quiet)


def _carry_out(order: Order, plan: PushPlan, remote: Remote, *, quiet: bool) -> PushReport:
    if plan.parent is None:
        remote.create(private=plan.private)
        plan = make_plan(order, remote)
    plan, landed = _land(order, plan, remote, quiet=quiet)
    if plan.tag is not None and remote.tag_target(plan.tag) == landed.commit:
        # The tag is set last: an earlier run has proven this commit.
        num_proven = 0
    else:
        num_proven = prove(remote, landed.commit, order)
        if plan.tag is not None:
            remote.move_tag(plan.tag, landed.commit, order.text)
    return PushReport(
        plan=plan,
        commit=landed.commit,
        num_sent=len(plan.uploads),
        num_deleted=len(plan.deletes),
        num_proven=num_proven,
        tag=plan.tag,
        pull_request=landed.pull_request,
    )


def _land(order: Order, plan: PushPlan, remote: Remote, *, quiet: bool) -> tuple[PushPlan, Landed]:
    for _ in range(2):
        if plan.is_done:
            return plan, Landed(commit=str(plan.parent))
        try:
            return plan, upload(remote, plan, quiet=quiet)
        except MovedError:
            # Somebody else was faster. Once, look again and build on their commit.
            plan = make_plan(order, remote)
    raise HubError(
        f"{plan.repo_id}: others committed to {plan.revision} twice while this was sent.",
        hint="Wait until they are done, and run the same command again.",
    )
