"""Claims in a model's folder: ``evaluation/claims.json``, the card, and ``.eval_results/``.

The card's metadata hold them as a ``model-index``; ``.eval_results/*.yaml`` feed the leaderboards
of benchmarks that have a dataset on the Hub. Both are written and read back by huggingface_hub.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ggt_hf.errors import FormatError, UsageError
from ggt_hf.evaluation.claims import DIGITS, Claim, claims_of, write_claims
from ggt_hf.hub.refusals import persist
from ggt_hf.hub.remote import valid_repository
from ggt_hf.metrics import metric

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, EvalResultEntry, ModelCard

CARD = "README.md"
RESULTS = ".eval_results"
OURS = "ggt"
"""What the datasets of our results are called where the Hub has none of theirs."""


def write_results(
    run: Path, restorer: str, folder: Path, *, benchmark: str | None = None
) -> list[Path]:
    """Write what a run says of a restorer into the restorer's own folder; return the files.

    Results of other tasks and by other means, which the card has, stay.

    Args:
        run: the run's folder.
        restorer: its name in the run.
        folder: the model's.
        benchmark: ``ORG/NAME`` of the dataset whose leaderboard the run's one task is for;
            ``None`` = as the task says.

    Raises:
        FormatError: the run is not finished, or the card's metadata cannot be read.
        UsageError: the run has no such restorer, or several tasks and one benchmark.
    """
    claims = _claims(run, restorer, benchmark)
    card = read_card(folder) or _new_card(restorer)
    data: Any = card.data  # typed as what all cards have; this is a model's
    kept = [one for one in (data.eval_results or []) if not _is_of(one, claims)]
    data.eval_results = [*kept, *(one for claim in claims for one in card_results(claim))]
    if data.model_name is None:
        data.model_name = restorer
    files = [write_claims(folder, claims)]
    card.save(folder / CARD)
    files.append(folder / CARD)
    for claim in claims:
        entries = leaderboard_entries(claim)
        if entries:
            files.append(_write_entries(folder, claim, entries))
    return files


def _claims(run: Path, restorer: str, benchmark: str | None) -> list[Claim]:
    claims = claims_of(run, restorer)
    if benchmark is None:
        return claims
    if len(claims) != 1:
        raise UsageError(
            f"{run} has {len(claims)} tasks, and {benchmark} is one benchmark.",
            hint="Evaluate that benchmark alone, in a run of its own.",
        )
    return [replace(claims[0], dataset_id=benchmark)]


def publish_results(
    run: Path,
    restorer: str,
    repo_id: str,
    *,
    benchmark: str | None = None,
    token: str | None = None,
    create_pr: bool = False,
) -> str:
    """Write what a run says of a restorer into its repository on the Hub, in one commit.

    The repository is there already; its weights stay as they are.

    Returns:
        The URL of the commit, or of the pull request.

    Raises:
        FormatError: as `write_results`.
        UsageError: likewise, and where `repo_id` cannot be a repository's name.
        HubError: the Hub refused, or could not be reached.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import EntryNotFoundError

    valid_repository(repo_id)
    api = HfApi(token=token)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)

        def fetch() -> None:
            with suppress(EntryNotFoundError):
                api.hf_hub_download(repo_id, CARD, local_dir=folder)

        def commit() -> str:
            made = api.create_commit(
                repo_id,
                [CommitOperationAdd(file.relative_to(folder).as_posix(), file) for file in files],
                commit_message=f"Add scores of ggt eval: {', '.join(tasks)}",
                create_pr=create_pr,
            )
            return str(made.pr_url or made.commit_url)

        persist(fetch, repo=repo_id, doing="reading its card", token=token)
        files = write_results(run, restorer, folder, benchmark=benchmark)
        tasks = [claim.task for claim in claims_of(run, restorer)]
        return persist(commit, repo=repo_id, doing="committing scores", token=token)


def card_results(claim: Claim) -> list[EvalResult]:
    """Return a claim as the results of a card."""
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type="image-to-image",
            dataset_type=claim.dataset_id or f"{OURS}-{claim.task}",
            dataset_name=claim.title,
            metric_type=name,
            metric_name=metric(name).title,
            metric_value=round(mean["mean"], DIGITS),
            metric_args={
                "pictures": int(mean["count"]),
                "interval_95": [round(mean[end], DIGITS) for end in ("low", "high")],
            },
        )
        for name, mean in claim.means.items()
    ]


def leaderboard_entries(claim: Claim) -> list[EvalResultEntry]:
    """Return a claim as entries of ``.eval_results``; none where the Hub has no such dataset."""
    from huggingface_hub import EvalResultEntry

    if claim.dataset_id is None:
        return []
    return [
        EvalResultEntry(
            dataset_id=claim.dataset_id,
            task_id=name,
            value=round(mean["mean"], DIGITS),
            notes=f"{int(mean['count'])} pictures, ggt eval; checked by: ggt verify",
        )
        for name, mean in claim.means.items()
    ]


def read_card(folder: Path) -> ModelCard | None:
    """Return the card of a model's folder; ``None`` where it has none.

    Raises:
        FormatError: its metadata cannot be read.
    """
    from huggingface_hub import ModelCard

    path = folder / CARD
    if not path.is_file():
        return None
    try:
        card: ModelCard = ModelCard.load(path)
    except Exception as error:  # YAML's, and what the parser of results makes of odd ones
        raise FormatError(
            f"The metadata of {path} cannot be read: {error}.", hint="Mend its YAML."
        ) from error
    return card


def read_entries(folder: Path, claim: Claim) -> list[EvalResultEntry] | None:
    """Return the leaderboard entries of a claim as they are written; ``None`` = there are none.

    Raises:
        FormatError: they cannot be read.
    """
    import yaml
    from huggingface_hub._eval_results import parse_eval_result_entries

    path = _entries_path(folder, claim)
    if not path.is_file():
        return None
    try:
        return parse_eval_result_entries(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        raise FormatError(
            f"{path} cannot be read: {error}.", hint="Make it again with ggt card results."
        ) from error


def _write_entries(folder: Path, claim: Claim, entries: Sequence[EvalResultEntry]) -> Path:
    import yaml
    from huggingface_hub import eval_result_entries_to_yaml

    path = _entries_path(folder, claim)
    path.parent.mkdir(exist_ok=True)
    said = yaml.safe_dump(eval_result_entries_to_yaml(list(entries)), sort_keys=False)
    path.write_text(said, encoding="utf-8")
    return path


def _entries_path(folder: Path, claim: Claim) -> Path:
    return folder / RESULTS / f"{OURS}-{claim.task}.yaml"


def _new_card(name: str) -> ModelCard:
    from huggingface_hub import ModelCard

    return ModelCard(f"---\ntags:\n- image-restoration\n---\n\n# {name}\n")


def _is_of(result: EvalResult, claims: Sequence[Claim]) -> bool:
    """Say whether a result of the card is one that `claims` make anew."""
    made = {(one.dataset_type, one.metric_type) for claim in claims for one in card_results(claim)}
    return (result.dataset_type, result.metric_type) in made
