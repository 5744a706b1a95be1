"""``ggt synth``: degraded photographs -> candidate targets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ggt_hf.cli.engine import (
    Engine,
    EngineFlags,
    Merge,
    NumTasks,
    SbatchOption,
    WorkerGpus,
    WriteSbatch,
    tell_task,
)
from ggt_hf.cli.options import (
    DryRun,
    Json,
    Limit,
    Quiet,
    Revision,
    Seed,
    Settings,
    Token,
    Yes,
    setting,
)
from ggt_hf.cli.output import Output, agree_to_pay
from ggt_hf.cli.synth_words import show_quote, show_report, sum_up
from ggt_hf.errors import UsageError

if TYPE_CHECKING:
    from ggt_hf.synthesis.budget import Quote
    from ggt_hf.synthesis.editors.opening import EditorOptions
    from ggt_hf.synthesis.report import SynthReport
    from ggt_hf.synthesis.synthesize import Synthesis


def synth(  # noqa: PLR0913 - one parameter a flag
    sources: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCES",
            help="Folder of degraded photographs, or a sources.jsonl.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="Folder of the candidates.", show_default=False),
    ],
    editor: Annotated[
        str,
        typer.Option(
            help="embedded, classical, replay:FOLDER, nano-banana-2, gpt-image-2, gemini:MODEL, "
            "openai:MODEL, hf:ORG/NAME, or a diffusers pipeline (ORG/NAME or a folder).",
            show_default=False,
        ),
    ],
    prompts: Annotated[
        str, typer.Option(help="File of prompts, as ggt prompt writes it, or 'fixed'.")
    ] = "fixed",
    max_cost: Annotated[
        float | None,
        typer.Option(
            help="US dollars all calls may cost; default: GGT_MAX_COST.", show_default=False
        ),
    ] = None,
    price: Annotated[
        float | None,
        typer.Option(help="US dollars an answer, as your provider asks.", show_default=False),
    ] = None,
    num_candidates: Annotated[
        int, typer.Option("--candidates", min=1, help="Candidates a photograph.")
    ] = 1,
    num_attempts: Annotated[
        int, typer.Option("--attempts", min=1, help="Answers to pay until one is usable.")
    ] = 2,
    retry_unknown: Annotated[
        bool,
        typer.Option("--retry-unknown", help="Ask again where an answer was lost: may pay twice."),
    ] = False,
    ledger: Annotated[
        Path | None,
        typer.Option(help="Folder of paid calls, to share; default: OUT/ledger."),
    ] = None,
    settings: Settings = None,
    category: Annotated[
        str | None, typer.Option(help="Category of photographs that name none.", show_default=False)
    ] = None,
    license: Annotated[
        str, typer.Option(help="Licence (SPDX) of photographs without one.")
    ] = "unknown",
    credit: Annotated[
        str | None, typer.Option(help="Whom to name for photographs without.", show_default=False)
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="Inference provider of hf:.", show_default=False)
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")] = 180.0,
    revision: Revision = None,
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    offload: Annotated[str, typer.Option(help="none, model or sequential.")] = "none",
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run Python that the repository brings.")
    ] = False,
    num_workers: Annotated[
        int | None,
        typer.Option(min=1, help="Calls at a time; default: what the editor takes."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(help="For --dry-run: seconds an image takes you.", show_default=False),
    ] = None,
    accepted: Annotated[
        float | None,
        typer.Option(
            help="For --dry-run: share that quality control will accept; default: as in OUT.",
            show_default=False,
        ),
    ] = None,
    engine: Engine = "local",
    worker_gpus: WorkerGpus = 0.0,
    write_sbatch: WriteSbatch = None,
    num_tasks: NumTasks = 16,
    sbatch: SbatchOption = None,
    merge: Merge = False,
    limit: Limit = None,
    seed: Seed = 0,
    token: Token = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a candidate target of each degraded photograph, and never pay for one twice.

    Says first what it will cost, and stops at the cap. Stop it whenever you like: the same command
    goes on where it stopped, and asks again only for what failed.

    Examples:

      ggt synth photos/ made --editor embedded

      ggt synth photos/ made --editor nano-banana-2 --prompts prompts.jsonl --max-cost 50

      ggt synth photos/ made --editor Qwen/Qwen-Image-Edit-2509 --set num_inference_steps=20

      ggt synth photos/ made --editor replay:outputs/ --category rain
    """
    from ggt_hf.restoration.editor import open_editor
    from ggt_hf.synthesis.budget import cap
    from ggt_hf.synthesis.instructions import read_instructions, with_prompts
    from ggt_hf.synthesis.report import SynthOptions
    from ggt_hf.synthesis.sources import list_sources
    from ggt_hf.synthesis.synthesize import Synthesis

    screen = Output(as_json=json, quiet=quiet)
    flags = EngineFlags(
        engine=engine,
        num_workers=num_workers,
        worker_gpus=worker_gpus,
        write_sbatch=write_sbatch,
        num_tasks=num_tasks,
        sbatch=sbatch or (),
        merge=merge,
    )
    listing = list_sources(sources, _labels(category, license, credit), limit, out=out)
    options = _editor_options(
        settings or [], price, provider, token, timeout, revision, dtype, device, offload,
        trust_remote_code,
    )  # fmt: skip
    instructions = read_instructions(prompts)
    listing = with_prompts(listing, instructions)
    run = Synthesis(
        listing.sources,
        instructions,
        open_editor(editor, options),
        out,
        SynthOptions(
            max_cost=cap(max_cost),
            ledger=ledger,
            num_candidates=num_candidates,
            num_attempts=num_attempts,
            seed=seed,
            retry_unknown=retry_unknown,
            num_workers=num_workers,
            quiet=quiet,
        ),
    )
    if num_unnamed := sum(unit.degradation is None for unit in run.units):
        screen.remark(
            f"{num_unnamed:,} have no category, which quality control needs: give --category, or "
            "--prompts that name it."
        )
    quote = run.quote()
    if dry_run:
        show_quote(screen, quote, run, seconds, accepted)
        return
    if flags.batch_written("ggt-synth", screen):
        return
    _agree(screen, quote, asked=yes)
    report = run.run() if engine == "local" else _spread(run, editor, options, flags, screen)
    if report:
        show_report(screen, out, listing, report)


def _spread(
    run: Synthesis, editor: str, options: EditorOptions, flags: EngineFlags, screen: Output
) -> SynthReport | None:
    """Let many workers do it; ``None`` where this was one task of an array."""
    from functools import partial

    from ggt_hf.restoration.editor import open_editor
    from ggt_hf.synthesis.spread import synthesise_spread

    options_here = flags.options(run.editor.num_parallel, quiet=screen.quiet)
    found = synthesise_spread(run, partial(open_editor, editor, options), options_here)
    if found.report is None:
        tell_task(found.stage, screen)
    return found.report


def _labels(category: str | None, license: str, credit: str | None) -> Any:
    from ggt_hf.records import DEGRADATIONS
    from ggt_hf.synthesis.sources import SourceLabels

    if category is not None and category not in DEGRADATIONS:
        raise UsageError(
            f"There is no category {category!r}.", hint=f"Give one of {', '.join(DEGRADATIONS)}."
        )
    return SourceLabels(
        degradation=category,
        license=license,
        credit=credit,
    )


def _editor_options(
    settings: list[str],
    price: float | None,
    provider: str | None,
    token: str | None,
    timeout: float,
    revision: str | None,
    dtype: str,
    device: str,
    offload: str,
    trust_remote_code: bool,
) -> EditorOptions:
    from ggt_hf.synthesis.editors.opening import EditorOptions
    from ggt_hf.synthesis.editors.pipelines import Loading

    if offload not in ("none", "model", "sequential"):
        raise UsageError(
            f"There is no --offload {offload}.", hint="Give none, model or sequential."
        )
    return EditorOptions(
        price=price,
        settings=dict(setting(word) for word in settings),
        provider=provider,
        token=token,
        timeout=timeout,
        loading=Loading(
            revision=revision,
            dtype=dtype,
            device=device,
            offload=offload,  # type: ignore[arg-type]  # checked above
            trust_remote_code=trust_remote_code,
        ),
    )


def _agree(screen: Output, quote: Quote, *, asked: bool) -> None:
    """Tell the price, and go on only with consent."""
    screen.remark(f"{sum_up(quote)}.")
    if quote.price and quote.num_calls and not asked:
        agree_to_pay(quote.most)
