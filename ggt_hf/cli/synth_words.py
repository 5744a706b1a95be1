"""What ``ggt synth`` tells: the quote before a run, and what came of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ggt_hf.cli.output import Output, in_columns

if TYPE_CHECKING:
    from ggt_hf.synthesis.budget import Quote
    from ggt_hf.synthesis.costing import Terms
    from ggt_hf.synthesis.editors.editor import Editor
    from ggt_hf.synthesis.report import SynthReport
    from ggt_hf.synthesis.sources import SourceList
    from ggt_hf.synthesis.synthesize import Synthesis

_NUM_SHOWN = 10
"""Failures told of one by one; all are in failures.jsonl."""


def show_quote(
    screen: Output, quote: Quote, run: Synthesis, seconds: float | None, accepted: float | None
) -> None:
    """Print what this run will cost, and what more photographs would."""
    from ggt_hf.synthesis.costing import SIZES, Terms, cost_table, estimate

    measured = run.accepted_share() if accepted is None else None
    terms = Terms(
        price=quote.price,
        num_attempts=quote.num_attempts,
        seconds=seconds,
        accepted=accepted or measured,
    )
    fields = {
        "num_wanted": len(run.units),
        "num_calls": quote.num_calls,
        "editor": run.editor.id,
        "revision": run.editor.revision,
        "price": quote.price,
        "least": round(quote.least, 6),
        "most": round(quote.most, 6),
        "spent": round(quote.spent, 6),
        "num_unknown": quote.num_unknown,
        "max_cost": quote.max_cost,
        "terms": asdict(terms),
        "estimates": [asdict(estimate(size, terms)) for size in (len(run.units), *SIZES)],
    }
    said = [f"{sum_up(quote)}. Nothing was touched."]
    if quote.price or seconds:
        table = in_columns(cost_table(len(run.units), terms))
        said += ["", _terms(terms, is_measured=measured is not None), "", table]
    screen.result(fields, "\n".join(said))
    _tell_missing_package(screen, run.editor)


def _tell_missing_package(screen: Output, editor: Editor) -> None:
    from ggt_hf.errors import MissingExtraError
    from ggt_hf.synthesis.editors.editor import NeedsPackage

    try:
        if isinstance(editor, NeedsPackage):
            editor.require()
    except MissingExtraError as error:
        screen.remark(f"{error}")


def _terms(terms: Terms, *, is_measured: bool) -> str:
    """Return what a table of costs is computed from, as a sentence."""
    parts = [f"{terms.price:g} USD an answer"] if terms.price else []
    if terms.seconds:
        parts.append(f"{terms.seconds:g} s an answer")
    several = f"1 to {terms.num_attempts} answers" if terms.num_attempts > 1 else "1 answer"
    parts.append(f"{several} an image")
    if terms.accepted is None:
        parts.append("share accepted unknown (--accepted)")
    else:
        source = "in this folder" if is_measured else "assumed"
        parts.append(f"{terms.accepted:.0%} accepted ({source})")
    return f"At {', '.join(parts)}:"


def sum_up(quote: Quote) -> str:
    """Return a quote as a sentence without its end."""
    made = f"{quote.num_calls:,} candidate{'s' * (quote.num_calls != 1)} to make"
    if not quote.price:
        return f"{made}, free"
    unknown = f" ({quote.num_unknown} calls of unknown end among it)" if quote.num_unknown else ""
    return (
        f"{made} at {quote.price:.3f} USD: {quote.least:.2f} USD, at most {quote.most:.2f} USD "
        f"with retries; {quote.spent:.2f} of {quote.max_cost or 0:.2f} USD spent so far{unknown}"
    )


def show_report(screen: Output, out: Path, listing: SourceList, report: SynthReport) -> None:
    """Print what a run did, each failure with its reason; exit with 1 where anything is missing."""
    for path, why in listing.problems[:_NUM_SHOWN]:
        screen.remark(f"  - {path}: {why}")
    for failure in report.failures[:_NUM_SHOWN]:
        screen.remark(f"  - {failure.key}: {failure.outcome}: {failure.detail}")
    if len(report.failures) > _NUM_SHOWN:
        screen.remark(f"  ... {len(report.failures) - _NUM_SHOWN} more in {out}/failures.jsonl")
    num_failed = len(report.failures) + len(listing.problems)
    fields = {
        "path": str(out / "candidates.jsonl"),
        "num_wanted": report.num_units + len(listing.problems),
        "num_made": report.num_made,
        "num_reused": report.num_reused,
        "num_failed": num_failed,
        "num_left": report.num_left,
        "failures": report.counts,
        "spent": round(report.spent, 6),
        "num_unknown": report.num_unknown,
        "num_accepted": report.num_accepted,
        "cost_per_accepted": report.cost_per_accepted,
    }
    screen.result(fields, _summary(out, report, num_failed))
    if report.stopped:
        raise report.stopped
    if not report.complete or listing.problems:
        screen.remark(f"  next: {_next_step(report, num_bad=len(listing.problems))}")
        raise typer.Exit(1)


def _summary(out: Path, report: SynthReport, num_failed: int) -> str:
    parts = [f"{report.num_made:,} made", f"{report.num_reused:,} there already"]
    if num_failed:
        kinds = ", ".join(f"{count} {outcome}" for outcome, count in report.counts.items())
        parts.append(f"{num_failed:,} failed" + (f" ({kinds})" if kinds else ""))
    if report.num_left:
        parts.append(f"{report.num_left:,} not reached")
    if report.spent:
        unknown = f", {report.num_unknown} calls of unknown end" if report.num_unknown else ""
        parts.append(f"{report.spent:.2f} USD spent{unknown}")
    if report.cost_per_accepted is not None and report.spent:
        parts.append(f"{report.cost_per_accepted:.3f} USD an accepted pair")
    return f"{out}/candidates.jsonl: {'; '.join(parts)}"


def _next_step(report: SynthReport, *, num_bad: int) -> str:
    """Return what to do about what is missing, as an imperative sentence."""
    counts = report.counts
    if counts.get("unknown"):
        return "Add --retry-unknown to ask again where an answer was lost; it may be paid twice."
    if counts.get("unanswered"):
        return "Run the same command again later: the service did not take every call."
    if num_bad or counts.get("bad_input"):
        return "Mend, prompt or remove the photographs named above; all others are done."
    if report.num_left:
        return "Run the same command again."
    return "Raise --attempts, change the prompts or the editor, or leave the failures out."
