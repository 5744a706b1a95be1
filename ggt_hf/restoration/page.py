"""A page of the files before and after, each pair under a slider."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ggt_hf.pages.comparison import Comparison, ComparisonGroup, ComparisonPage, EncodedImage
from ggt_hf.restoration.jobs import Job
from ggt_hf.restoration.photograph import read_photograph

if TYPE_CHECKING:
    from PIL import Image

LONG_SIDE = 1024
"""Pictures on a page are reduced to this, in pixels."""
MOST = 60
"""Pictures on a page, so that a browser can still open it."""


def restoration_page(
    jobs: Sequence[Job], model: str, prompts: Mapping[Path, str] | None = None
) -> ComparisonPage:
    """Return a page about files that have a result.

    Args:
        jobs: the files.
        model: what restored them.
        prompts: result -> what was asked for.

    Raises:
        ImageError: a file cannot be read.
    """
    shown = jobs[:MOST]
    groups: dict[str, list[Comparison]] = {}
    for job in shown:
        groups.setdefault(str(job.source.parent), []).append(
            _comparison(job, (prompts or {}).get(job.target))
        )
    left_out = f" The first {MOST} of {len(jobs)} are shown." if len(jobs) > MOST else ""
    return ComparisonPage(
        title="Before and after",
        lead=(
            f"Photographs restored by {model}, reduced to {LONG_SIDE} pixels here.{left_out} "
            "Drag a slider, or focus it and use the arrow keys. A restorer guesses: what it shows "
            "need not have been there."
        ),
        facts={"Pictures": str(len(jobs))},
        groups=[
            ComparisonGroup(heading=folder, comparisons=comparisons)
            for folder, comparisons in groups.items()
        ],
    )


def _comparison(job: Job, prompt: str | None) -> Comparison:
    before, after = (read_photograph(path).image for path in (job.source, job.target))
    before, after = _reduced(before), _reduced(after)
    return Comparison(
        title=job.source.name,
        before=_encoded(before),
        after=_encoded(after),
        width=before.width,
        height=before.height,
        before_label="before",
        after_label="after",
        notes=[str(job.target), *([f"Asked for: {prompt}"] if prompt else [])],
    )


def _reduced(image: Image.Image) -> Image.Image:
    image = image.copy()
    image.thumbnail((LONG_SIDE, LONG_SIDE))
    return image


def _encoded(image: Image.Image) -> EncodedImage:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return EncodedImage(data=buffer.getvalue(), format="jpeg")
