"""The page on which a person prefers one version of a picture to another, blind.

It is the review page in another mode. Nothing that the browser gets names a contestant: pairs are
asked for by number, their keys are hashes, and every picture is a PNG encoded anew, so that neither
format nor size tells one from another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggt_hf.errors import GgtError
from ggt_hf.evaluation.ranking.ballot import (
    CHECK,
    NUM_COMPARISONS,
    Comparison,
    Version,
    draw_ballot,
)
from ggt_hf.evaluation.ranking.study import About, read_study
from ggt_hf.evaluation.ranking.votes import CHOICES, UNDO, VoteLog, votes_file
from ggt_hf.images import decode, encode_png, inspect
from ggt_hf.pages.review import ReviewChoice, ReviewItem, ReviewPage
from ggt_hf.quality.review_server import ReviewServer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

QUESTION = "Which is the better restoration?"

PREFERENCE_CHOICES = (
    ReviewChoice(value="left", label="Left", shortcut="a", tone="good"),
    ReviewChoice(value="same", label="No difference", shortcut="s", tone="open"),
    ReviewChoice(value="right", label="Right", shortcut="d", tone="good"),
)
"""The answers of the pairwise mode; the values are `votes.CHOICES`."""

_BLOCKS = 20
"""Squares along the longer side of a picture that was ruined for an attention check."""


def open_voting(
    out: Path,
    rater: str,
    *,
    seed: int = 0,
    num_comparisons: int = NUM_COMPARISONS,
    port: int = 0,
) -> ReviewServer:
    """Start to serve the page of one rater.

    Args:
        out: the folder of a ranking.
        rater: whose votes they are; their file is made, or gone on with.
        seed: of the study; ballots are drawn by it.
        num_comparisons: how many, attention checks not counted.
        port: of the loopback interface; 0 = any that is free.

    Raises:
        UsageError: the rater's name cannot be a file's name, the port is taken, or no two versions
            differ.
        FormatError: there is no ranking, or the rater's file is damaged.
    """
    votes_file(out, rater)
    study = read_study(out)
    ballot = draw_ballot(study.versions, rater, seed=seed, num_comparisons=num_comparisons)
    return ReviewServer(_VotingSite(out, ballot, study.about, rater), port=port)


class _VotingSite:
    """Versions of a picture beside each other, one of them to be preferred."""

    def __init__(
        self,
        out: Path,
        ballot: Sequence[Comparison],
        about: Mapping[str, About],
        rater: str,
    ) -> None:
        self._ballot, self._about, self._rater = ballot, about, rater
        self._by_key = {one.key: one for one in ballot}
        self._items = [self._item(index, one) for index, one in enumerate(ballot)]
        self._log = VoteLog(out, rater)
        self.num_shown = len(ballot)

    def render(self, decide_url: str, nonce: str) -> str:
        """Return the page with what was decided so far."""
        decided = self._log.current(self._ballot)
        return ReviewPage(
            reviewer=self._rater,
            items=self._items,
            choices=PREFERENCE_CHOICES,
            decisions={key: {"choice": choice, "reason": ""} for key, choice in decided.items()},
            decide_url=decide_url,
            before_label="left",
            after_label="right",
            reference_label="input",
            question=QUESTION,
            shows_keys=False,
        ).to_html(nonce=nonce)

    def picture(self, index: str, side: str) -> tuple[bytes, str] | None:
        """Return one version, or the input, as PNG."""
        if not (index.isascii() and index.isdigit()) or len(index) > 9:
            return None
        if int(index) >= len(self._ballot) or side not in ("left", "right", "input"):
            return None
        one = self._ballot[int(index)]
        try:
            if side == "input":
                return encode_png(_pixels(self._about[one.picture].input)), "image/png"
            return _shown(one.left if side == "left" else one.right), "image/png"
        except (GgtError, OSError):
            return None

    def decide(self, asked: Any) -> bool:
        """Write a vote down."""
        if not isinstance(asked, dict):
            return False
        comparison = self._by_key.get(str(asked.get("key")))
        choice = asked.get("choice")
        if comparison is None or choice not in (*CHOICES, UNDO):
            return False
        self._log.add(comparison, str(choice))
        return True

    def close(self) -> None:
        """Close the rater's file."""
        self._log.close()

    def _item(self, index: int, one: Comparison) -> ReviewItem:
        about = self._about[one.picture]
        info = inspect(about.input.read_bytes(), one.picture)
        return ReviewItem(
            key=one.key,
            pair=one.key,
            before=f"picture/{index}/left",
            after=f"picture/{index}/right",
            reference=f"picture/{index}/input",
            width=info.width,
            height=info.height,
            category=about.category or None,
            credit=about.credit,
        )


@lru_cache(maxsize=32)
def _shown(version: Version) -> bytes:
    """Return what a rater sees of a version."""
    pixels = _pixels(version.path)
    return encode_png(ruined(pixels) if version.contestant == CHECK else pixels)


def ruined(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture in coarse squares: the side of an attention check that nobody prefers."""
    import numpy as np
    from PIL import Image

    image = Image.fromarray(picture)
    factor = _BLOCKS / max(image.size)
    width, height = (max(1, round(side * factor)) for side in image.size)
    coarse = image.resize((width, height), Image.Resampling.BOX)
    return np.asarray(coarse.resize(image.size, Image.Resampling.NEAREST))


def _pixels(path: Path) -> NDArray[np.uint8]:
    return decode(path.read_bytes(), path.name)
