"""What many photographs will cost: money for paid calls, hours for an editor that runs here.

Nothing is assumed in silence: the price and the seconds of an image are the user's, the share that
quality control accepts is the user's or was measured in the folder, and the formulas are these:

- answers: between one an image and ``num_attempts``, because a useless answer is paid as well;
- US dollars: answers times ``price``;
- hours: answers times ``seconds`` / 3,600, on one device;
- accepted: images times ``accepted``;
- an accepted pair: US dollars (or hours) / accepted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ggt_hf.errors import UsageError

SIZES = (1_000, 10_000, 100_000)
"""Numbers of images that a table of costs has rows for, beside those that are there."""

Span = tuple[float, float]
"""From the fewest answers to the most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What an estimate is computed from.

    Raises:
        UsageError: a share that is none, or a negative time.
    """

    price: float
    """US dollars an answer."""
    num_attempts: int
    """Answers that may be asked for, at most, until one is usable."""
    seconds: float | None = None
    """Seconds an answer takes on one device; ``None`` = not said, so no hours are told."""
    accepted: float | None = None
    """Share of the images whose target quality control accepts, above 0 to 1; ``None`` = nobody
    knows yet, so no cost of a pair is told."""

    def __post_init__(self) -> None:
        if self.accepted is not None and not 0 < self.accepted <= 1:
            raise UsageError(
                f"{self.accepted:g} is no share of images.", hint="Write --accepted 0.6 for 60 %."
            )
        if self.seconds is not None and not 0 < self.seconds < float("inf"):
            raise UsageError(
                f"{self.seconds:g} is no time an image takes.", hint="Write --seconds 12."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What some number of images will cost."""

    num_images: int
    """Images."""
    answers: tuple[int, int]
    """Answers of the editor."""
    dollars: Span
    """US dollars."""
    hours: Span | None
    """Hours of one device; ``None`` = the time of an image is not known."""
    num_accepted: float | None
    """Pairs to be expected; ``None`` = the accepted share is not known."""
    dollars_a_pair: Span | None
    """US dollars an accepted pair."""
    hours_a_pair: Span | None
    """Hours of one device an accepted pair."""


def estimate(num_images: int, terms: Terms) -> Estimate:
    """Return what `num_images` will cost."""
    least, most = num_images, num_images * terms.num_attempts
    dollars = (least * terms.price, most * terms.price)
    hours = terms.seconds and (least * terms.seconds / 3600, most * terms.seconds / 3600)
    pairs = num_images * terms.accepted if terms.accepted else None
    return Estimate(
        num_images=num_images,
        answers=(least, most),
        dollars=dollars,
        hours=hours or None,
        num_accepted=pairs,
        dollars_a_pair=_shared(dollars, pairs),
        hours_a_pair=_shared(hours or None, pairs),
    )


def cost_table(num_here: int, terms: Terms) -> list[dict[str, str]]:
    """Return the rows of a table: the images that are there, then 1,000 to 100,000."""
    sizes = sorted({num_here, *SIZES} - {0})
    return [dict(_cells(estimate(size, terms))) for size in sizes]


def _cells(found: Estimate) -> Iterator[tuple[str, str]]:
    yield "images", f"{found.num_images:,}"
    yield "answers", _span(found.answers, ",.0f")
    if found.dollars[1]:
        yield "USD", _span(found.dollars, ",.2f")
    if found.hours:
        yield "device hours", _span(found.hours, ",.1f")
    if found.num_accepted is not None:
        yield "accepted", f"{found.num_accepted:,.0f}"
    if found.dollars_a_pair and found.dollars[1]:
        yield "USD a pair", _span(found.dollars_a_pair, ",.3f")
    if found.hours_a_pair:
        yield "device seconds a pair", _span(_seconds(found.hours_a_pair), ",.1f")


def _shared(span: Span | None, pairs: float | None) -> Span | None:
    return (span[0] / pairs, span[1] / pairs) if span and pairs else None


def _seconds(hours: Span) -> Span:
    return hours[0] * 3600, hours[1] * 3600


def _span(span: Span, form: str) -> str:
    low, high = (format(value, form) for value in span)
    return low if low == high else f"{low} to {high}"
