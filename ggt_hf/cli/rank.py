"""``ggt rank``: editors with fixed and adaptive prompts, on four axes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ggt_hf.cli.options import DryRun, Json, Limit, NumWorkers, Quiet, Seed, Token, Yes
from ggt_hf.cli.output import Output, agree_to_pay
from ggt_hf.errors import UsageError

if TYPE_CHECKING:
    from ggt_hf.evaluation.ranking.making import RankQuote
    from ggt_hf.evaluation.ranking.rank import RankOptions
    from ggt_hf.synthesis.editors.opening import EditorOptions

_METRICS = "psnr_y,ssim_y,piqe"


def rank(  # noqa: PLR0913 - one parameter a flag
    editors: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]EDITOR...",
            help="As for ggt synth: embedded, classical, replay:FOLDER, nano-banana-2, ...",
            show_default=False,
        ),
    ],
    prompts: Annotated[
        str, typer.Option(help="Kinds of prompts, of fixed and adaptive.")
    ] = "fixed,adaptive",
    fidelity: Annotated[
        str, typer.Option(help="Task with ground truth, as for ggt eval --task.")
    ] = "sample",
    perceptual: Annotated[
        str, typer.Option(help="Task of real low-quality pictures; judge and raters see it too.")
    ] = "sample-real",
    metrics: Annotated[
        str, typer.Option(help="Of both tasks; those without reference make the perceptual axis.")
    ] = _METRICS,
    judge: Annotated[
        str | None,
        typer.Option(help="Who says VLM-R, as for ggt eval.", show_default="no VLM-R axis"),
    ] = None,
    judge_endpoint: Annotated[
        str | None, typer.Option(help="Base URL of the judge's OpenAI-compatible server.")
    ] = None,
    observer: Annotated[
        str | None,
        typer.Option(
            help="Who sees the pictures for adaptive prompts, as ggt prompt --model.",
            show_default="embedded; rules where that cannot run",
        ),
    ] = None,
    observer_endpoint: Annotated[
        str | None, typer.Option(help="Base URL of the observer's OpenAI-compatible server.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the ranking.")] = Path("ggt-rank"),
    max_cost: Annotated[
        float | None,
        typer.Option(
            help="US dollars all calls may cost; default: GGT_MAX_COST.", show_default=False
        ),
    ] = None,
    price: Annotated[
        float | None, typer.Option(help="US dollars an answer, of editors without a known price.")
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option(help="Folder of paid calls, to share; default: OUT/ledger.")
    ] = None,
    retry_unknown: Annotated[
        bool,
        typer.Option("--retry-unknown", help="Ask again where an answer was lost: may pay twice."),
    ] = False,
    limit: Limit = None,
    seed: Seed = 0,
    num_workers: NumWorkers = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, ...; default: a GPU where there is one.")
    ] = None,
    token: Token = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Rank editors with each kind of prompts, and say how sure that is.

    Four axes: fidelity to ground truth, perceptual quality of real pictures,
    VLM-R where a judge is given, and human preference where people voted.
    Each is brought to 0 to 1 over the contestants (min-max); their mean ranks.

    To vote: ggt review OUT --pairwise. The same command then counts the votes,
    and makes or pays nothing again.

    Examples:

      ggt rank classical embedded --judge rules

      ggt rank nano-banana-2 gpt-image-2 --perceptual real-lq-200=photos/ --max-cost 60

      ggt rank classical ours=replay:outputs/ --fidelity div2k-val=DIV2K_valid_HR/
    """
    from ggt_hf.evaluation.ranking.contestants import contestants_of
    from ggt_hf.evaluation.ranking.making import quote
    from ggt_hf.evaluation.ranking.page import write_ranking
    from ggt_hf.evaluation.ranking.rank import rank as ranked
    from ggt_hf.evaluation.ranking.rank import wanted_pictures
    from ggt_hf.evaluation.ranking.tables import to_dict, to_markdown
    from ggt_hf.restoration.editor import open_editor

    screen = Output(as_json=as_json, quiet=quiet)
    kinds = [kind.strip() for kind in prompts.split(",") if kind.strip()]
    editor_options = _editor_options(price, token, device)
    contestants = contestants_of(editors, kinds, lambda name: open_editor(name, editor_options))
    options = _options(
        fidelity,
        perceptual,
        metrics,
        (judge, judge_endpoint),
        (observer, observer_endpoint),
        screen,
    )
    options = _with_limits(
        options, max_cost, ledger, retry_unknown, limit, seed, num_workers, device, quiet
    )
    quotes = quote(contestants, wanted_pictures(options), out, options.spending)
    if dry_run:
        _show_quotes(screen, quotes)
        return
    _agree(screen, quotes, options.spending.max_cost, asked=yes)
    found = ranked(contestants, out, options)
    page = write_ranking(found)
    screen.result(to_dict(found), to_markdown(found).rstrip())
    screen.remark(f"Open {page.resolve()} in a browser.")
    if not found.poll.votes:
        screen.remark(f"next: let people vote: ggt review {out} --pairwise")


def _options(
    fidelity: str,
    perceptual: str,
    metrics: str,
    judge: tuple[str | None, str | None],
    observer: tuple[str | None, str | None],
    screen: Output,
) -> RankOptions:
    from ggt_hf.evaluation.judging import judge_choice
    from ggt_hf.evaluation.ranking.rank import RankOptions
    from ggt_hf.evaluation.task import task_of
    from ggt_hf.synthesis.prompters import PrompterChoice
    from ggt_hf.vlm import offline_model

    name, endpoint = observer
    if endpoint and name is None:
        raise UsageError("An endpoint serves several models.", hint="Say which: --observer NAME.")
    return RankOptions(
        fidelity=task_of(fidelity),
        perceptual=task_of(perceptual),
        metrics=tuple(one.strip() for one in metrics.split(",") if one.strip()),
        judge=judge_choice(*judge),
        observer=PrompterChoice(model=name or offline_model(), endpoint=endpoint),
    )


def _with_limits(
    options: RankOptions,
    max_cost: float | None,
    ledger: Path | None,
    retry_unknown: bool,
    limit: int | None,
    seed: int,
    num_workers: int | None,
    device: str | None,
    quiet: bool,
) -> RankOptions:
    from dataclasses import replace

    from ggt_hf.evaluation.ranking.making import Spending
    from ggt_hf.evaluation.run import Settings
    from ggt_hf.synthesis.budget import cap

    return replace(
        options,
        spending=Spending(max_cost=cap(max_cost), ledger=ledger, retry_unknown=retry_unknown),
        settings=Settings(
            limit=limit, seed=seed, num_workers=num_workers, device=device, quiet=quiet
        ),
    )


def _editor_options(price: float | None, token: str | None, device: str | None) -> EditorOptions:
    from ggt_hf.synthesis.editors.opening import EditorOptions
    from ggt_hf.synthesis.editors.pipelines import Loading

    return EditorOptions(price=price, token=token, loading=Loading(device=device or "auto"))


def _show_quotes(screen: Output, quotes: list[RankQuote]) -> None:
    screen.table(
        [
            {
                "contestant": one.contestant,
                "to_make": one.num_calls,
                "price": one.price,
                "at_most": round(one.most, 4),
            }
            for one in quotes
        ]
    )
    screen.remark(f"At most {sum(one.most for one in quotes):.2f} USD; nothing was asked.")


def _agree(screen: Output, quotes: list[RankQuote], max_cost: float | None, *, asked: bool) -> None:
    """Tell the price, and go on only with consent; without a cap nothing is paid anyway."""
    most = min(sum(one.most for one in quotes), max_cost or 0.0)
    if not most:
        return
    screen.remark(f"{sum(one.num_calls for one in quotes):,} pictures: at most {most:.2f} USD.")
    if not asked:
        agree_to_pay(most)
