"""``ggt review``: judge candidates by eye, one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ggt_hf.cli.options import Json, Quiet, Seed
from ggt_hf.cli.output import Output, counted, plain
from ggt_hf.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

    from ggt_hf.quality.agreement import Agreement
    from ggt_hf.quality.candidate_folder import CandidateFolder
    from ggt_hf.quality.decisions import Decision
    from ggt_hf.quality.review_server import ReviewServer

Candidates = Annotated[
    Path, typer.Argument(metavar="CANDIDATES", help="candidates.jsonl, or the folder it is in.")
]
Reviewer = Annotated[
    str | None, typer.Option(help="Whose decisions; default: your login name.", show_default=False)
]
Verdicts = Annotated[
    Path | None,
    typer.Option(help="verdicts.jsonl of ggt qc: show or count only what it did not reject."),
]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="Of this machine; 0 = any free one.")]
NoOpen = Annotated[bool, typer.Option("--no-open", help="Print the address; open no browser.")]
Export = Annotated[
    Path | None, typer.Option(help="Write the page and its pictures to this folder instead.")
]
Pairwise = Annotated[
    bool,
    typer.Option("--pairwise", help="Of a folder of ggt rank: prefer one of two versions, blind."),
]
Comparisons = Annotated[
    int,
    typer.Option(
        min=1, help="With --pairwise: comparisons of this reviewer, attention checks on top."
    ),
]
Summary = Annotated[
    bool, typer.Option("--summary", help="Count decisions and how far reviewers agree instead.")
]


def review(
    candidates: Candidates,
    reviewer: Reviewer = None,
    pairwise: Pairwise = False,
    comparisons: Comparisons = 60,
    seed: Seed = 0,
    verdicts: Verdicts = None,
    port: Port = 0,
    no_open: NoOpen = False,
    export: Export = None,
    summary: Summary = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Judge candidates by eye on a page of this machine: accept, reject with a reason, unsure.

    Decisions are kept in reviews/REVIEWER.jsonl beside the candidates, each as it
    falls; the same command goes on where it was stopped. Reviewers do not see each
    other's decisions. The page says its keys when you press ?.

    Examples:

      ggt review candidates/

      ggt review candidates/ --reviewer ada --verdicts verdicts/verdicts.jsonl

      ggt review candidates/ --summary --json

      ggt review ggt-rank/ --pairwise --reviewer ada
    """
    from ggt_hf.quality.candidate_folder import CandidateFolder

    if export and summary:
        raise UsageError("--export and --summary exclude each other.", hint="Give one of them.")
    output = Output(as_json=as_json, quiet=quiet)
    if pairwise:
        if export or verdicts:
            raise UsageError("--pairwise takes no --export and no --verdicts.", hint="Leave them.")
        if summary:
            _tell_raters(candidates, output)
        else:
            _vote(candidates, reviewer or _login_name(), comparisons, seed, port, no_open, output)
        return
    folder = CandidateFolder(candidates)
    only = _not_rejected(verdicts) if verdicts else None
    if summary:
        _summarize(folder, only, output)
        return
    name = reviewer or _login_name()
    if export:
        from ggt_hf.quality.review import export_review

        page = export_review(folder, name, export, only=only)
        output.result({"page": str(page)}, f"{page}")
        output.remark(f"next: open it; lay {name}.jsonl into {folder.root / 'reviews'}/")
        return
    _serve(folder, name, only, port, no_open, output)


def _serve(
    folder: CandidateFolder,
    reviewer: str,
    only: Collection[str] | None,
    port: int,
    no_open: bool,
    output: Output,
) -> None:
    from ggt_hf.quality.review import open_review

    with open_review(folder, reviewer, only=only, port=port) as server:
        _show(server, reviewer, f"ggt review {folder.path} --summary", no_open, output)


def _vote(
    out: Path,
    rater: str,
    num_comparisons: int,
    seed: int,
    port: int,
    no_open: bool,
    output: Output,
) -> None:
    from ggt_hf.evaluation.ranking.voting import open_voting

    with open_voting(out, rater, seed=seed, num_comparisons=num_comparisons, port=port) as server:
        after = f"ggt review {out} --pairwise --summary, and the same ggt rank again"
        _show(server, rater, after, no_open, output)


def _show(server: ReviewServer, reviewer: str, after: str, no_open: bool, output: Output) -> None:
    """Serve until Ctrl-C."""
    output.result({"url": server.url, "pairs": server.num_shown}, server.url)
    output.remark(
        f"{counted(server.num_shown, 'pair')} for {reviewer}; Ctrl-C ends it, all is saved."
    )
    if not no_open:
        import webbrowser

        webbrowser.open(server.url)
    try:
        server.wait()
    except KeyboardInterrupt:
        output.remark(f"\nnext: {after}")


def _tell_raters(out: Path, output: Output) -> None:
    from ggt_hf.evaluation.ranking.study import read_study
    from ggt_hf.evaluation.ranking.votes import read_poll

    poll = read_poll(out, read_study(out))
    output.table(
        [
            {
                "rater": rater.name,
                "votes": rater.num_votes,
                "checks": rater.num_checks,
                "missed": rater.num_missed,
                "counts": rater.says,
            }
            for rater in poll.raters
        ]
    )
    stale = f"; {poll.num_stale:,} are on pictures not ranked any more" if poll.num_stale else ""
    output.remark(f"{len(poll.votes):,} votes count{stale}.")


def _not_rejected(path: Path) -> set[str]:
    from ggt_hf.quality.verdict_file import read_verdicts

    if not path.is_file():
        raise UsageError(f"There are no verdicts at {path}.", hint="Make them: ggt qc.")
    return {v.key for v in read_verdicts(path) if v.rejected_at in (None, "review")}


def _summarize(folder: CandidateFolder, only: Collection[str] | None, output: Output) -> None:
    from ggt_hf.quality.agreement import measure_agreement
    from ggt_hf.quality.decisions import CHOICES, read_reviews

    served = [one for one in folder.candidates if only is None or one.key in only]
    reviews = read_reviews(folder.root, served)
    counts = {
        name: {choice: sum(d.choice == choice for d in found.values()) for choice in CHOICES}
        for name, found in reviews.items()
    }
    labels = {name: {k: d.choice for k, d in found.items()} for name, found in reviews.items()}
    agreement = measure_agreement(labels)
    total = len(served)
    fields = {
        "candidates": total,
        "reviewers": counts,
        "reasons": _reasons(reviews),
        "agreement": {
            "shared": agreement.num_shared,
            "observed": agreement.observed,
            "cohen_kappa": {" ".join(two): kappa for two, kappa in agreement.cohen.items()},
            "fleiss_kappa": agreement.fleiss,
            "krippendorff_alpha": agreement.krippendorff,
        },
    }
    rows = [
        f"{name}: {sum(found.values()):,} of {total:,} decided"
        f" ({', '.join(f'{number:,} {choice}' for choice, number in found.items())})"
        for name, found in counts.items()
    ]
    rows += [f"  {number:,}  {plain(reason)}" for reason, number in _reasons(reviews).items()]
    lines = [*rows, *_agreement_lines(agreement)] if counts else ["nobody has reviewed yet"]
    output.result(fields, "\n".join(lines))
    output.remark(f"next: ggt qc {folder.path} OUT --stages metrics,vlm,review")


def _reasons(reviews: dict[str, dict[str, Decision]]) -> dict[str, int]:
    from collections import Counter

    reasons = Counter(
        d.reason or "no reason"
        for found in reviews.values()
        for d in found.values()
        if d.choice == "reject"
    )
    return dict(reasons.most_common())


def _agreement_lines(found: Agreement) -> list[str]:
    if not found.num_shared:
        return ["agreement: no pair has two decisions yet"]
    named = {
        **{f"Cohen's kappa, {a} and {b}": kappa for (a, b), kappa in found.cohen.items()},
        "Fleiss' kappa": found.fleiss,
        "Krippendorff's alpha": found.krippendorff,
    }
    values = {k: "undefined" if v is None else f"{v:.2f}" for k, v in named.items()}
    same = f"{found.observed or 0:.0%} the same"
    return [
        f"agreement over {found.num_shared:,} shared pairs: {same}",
        *(f"  {name}: {value}" for name, value in values.items()),
    ]


def _login_name() -> str:
    import getpass

    try:
        return getpass.getuser().lower()
    except (OSError, KeyError) as error:
        raise UsageError("Your login name is not known.", hint="Say --reviewer NAME.") from error
