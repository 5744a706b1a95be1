"""The page on which a person looks at one pair after the other and says what to do with it.

The page knows nothing of accepting or rejecting: it shows two pictures under a slider and offers
`choices`, so that another question can be asked of the same page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from ggt_hf.pages.rendering import render


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewChoice:
    """One answer that a reviewer may give."""

    value: str
    """What is written down."""
    label: str
    """What the button says."""
    shortcut: str
    """The key that gives it, one lower-case letter."""
    tone: str
    """``good``, ``bad`` or ``open``: how it is coloured."""
    reasons: Sequence[str] = ()
    """Reasons to choose from, by the digits 1 to 9, or to type; empty = none is asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewItem:
    """Two pictures to be judged."""

    key: str
    """Names the pair."""
    pair: str
    """Names its two pictures; sent back with the decision."""
    before: str
    """URL of the picture left of the handle, relative to the page."""
    after: str
    """URL of the picture right of the handle, relative to the page."""
    width: int
    """Pixels across, of both."""
    height: int
    """Pixels down, of both."""
    category: str | None = None
    """What dominates the degradation."""
    prompt: str = ""
    """What was asked of the editor; empty where nothing was."""
    credit: str = ""
    """Whom to name, and the licence."""
    reference: str = ""
    """URL of a third picture that is shown while it is asked for; empty = there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewPage:
    """All of a review page, before it is HTML."""

    reviewer: str
    """Whose decisions they are."""
    items: Sequence[ReviewItem]
    """In the order in which they are shown."""
    choices: Sequence[ReviewChoice]
    """The answers."""
    decisions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What this reviewer decided before: key -> ``choice`` and ``reason``."""
    decide_url: str | None = None
    """Where decisions are posted, relative to the page; ``None``: they stay in the browser and are
    saved as a file by hand."""
    before_label: str = "input"
    """What `before` is, in a word."""
    after_label: str = "candidate"
    """What `after` is, in a word."""
    reference_label: str = "input"
    """What `reference` is, in a word."""
    question: str = ""
    """What is asked of each pair; empty = the buttons say it."""
    shows_keys: bool = True
    """Whether the key of a pair is shown: not where it says nothing to anybody."""

    @property
    def has_references(self) -> bool:
        """Whether there are third pictures."""
        return any(item.reference for item in self.items)

    def to_html(self, *, nonce: str = "review") -> str:
        """Return the page; it fetches the pictures, one after the other, and nothing else.

        Args:
            nonce: what the page's own style and script are known by to its security policy.
        """
        return render("review.html.j2", page=self, state=asdict(self), nonce=nonce)
