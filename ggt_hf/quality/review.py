"""Stage 3: a page on this machine on which a person judges candidates, one after the other.

The page is served on the loopback interface only. Who does not know the random token in its
address gets nothing, and neither does a foreign page that points a name of its own at this
machine. Pictures are asked for by number: no path ever comes from the browser.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ggt_hf.errors import GgtError, SourceError, UsageError
from ggt_hf.images import inspect
from ggt_hf.pages.review import ReviewChoice, ReviewItem, ReviewPage
from ggt_hf.quality.candidate_folder import CandidateFolder
from ggt_hf.quality.decisions import (
    CHOICES,
    MAX_REASON,
    UNDO,
    Decision,
    DecisionLog,
    pair_id,
    reviewer_file,
)
from ggt_hf.quality.review_server import ReviewServer
from ggt_hf.records import Candidate

REASONS = (
    "moved or warped",
    "colours changed",
    "text changed",
    "face changed",
    "content invented or removed",
    "degradation still there",
    "too smooth",
    "over-sharpened",
    "unchanged",
)
"""What a reject can be given for, by one digit; anything else can be typed."""

VERDICT_CHOICES = (
    ReviewChoice(value="accept", label="Accept", shortcut="a", tone="good"),
    ReviewChoice(value="reject", label="Reject", shortcut="r", tone="bad", reasons=REASONS),
    ReviewChoice(value="unsure", label="Unsure", shortcut="u", tone="open"),
)
"""The answers of the verdict mode, the values are `decisions.CHOICES`."""


def open_review(
    folder: CandidateFolder,
    reviewer: str,
    *,
    only: Collection[str] | None = None,
    port: int = 0,
) -> ReviewServer:
    """Start to serve the page of one reviewer; other reviewers' decisions are not shown.

    Neither the editor nor the earlier stages' scores are shown either: a reviewer is to judge what
    is to be seen.

    Args:
        folder: the candidates.
        reviewer: whose decisions they are; their file is made, or gone on with.
        only: keys to show; ``None`` = all.
        port: of the loopback interface; 0 = any that is free.

    Raises:
        UsageError: the reviewer's name cannot be a file's name, or the port is taken.
        SourceError: nothing is left to be shown.
        FormatError: the reviewer's file is damaged.
    """
    shown = _shown(folder, only)
    return ReviewServer(_CandidateSite(folder, shown, reviewer), port=port)


def export_review(
    folder: CandidateFolder, reviewer: str, out: Path, *, only: Collection[str] | None = None
) -> Path:
    """Write the page and its pictures to a folder that needs no server; return the page's path.

    Decisions stay in the browser until they are saved as ``REVIEWER.jsonl``; laid into the folder
    ``reviews``, that file counts like any other.

    Raises:
        UsageError: `out` is not empty.
    """
    reviewer_file(folder.root, reviewer)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not empty.", hint="Choose a folder that is new or empty.")
    shown = _shown(folder, only)
    pictures = out / "pictures"
    pictures.mkdir(parents=True)
    names = []
    for index, candidate in enumerate(shown):
        both = zip(("lq", "gt"), folder.read(candidate), strict=True)
        found = {side: f"{index:05d}.{side}.{inspect(d, candidate.key).format}" for side, d in both}
        for side, path in (("lq", candidate.lq_path), ("gt", candidate.gt_path)):
            shutil.copyfile(folder.root / path, pictures / found[side])
        names.append(found)
    page = _page(reviewer, shown, {}, lambda index, side: f"pictures/{names[index][side]}")
    html = out / "index.html"
    html.write_text(page.to_html(), encoding="utf-8")
    return html


def _shown(folder: CandidateFolder, only: Collection[str] | None) -> Sequence[Candidate]:
    shown = [c for c in folder.candidates if only is None or c.key in only]
    if not shown:
        raise SourceError(
            f"None of the {len(folder.candidates):,} candidates is left to be reviewed.",
            hint="The earlier stages rejected all; see their reasons in verdicts.jsonl.",
        )
    return shown


def _page(
    reviewer: str,
    shown: Sequence[Candidate],
    decided: Mapping[str, Decision],
    url: Callable[[int, str], str],
) -> ReviewPage:
    return ReviewPage(
        reviewer=reviewer,
        choices=VERDICT_CHOICES,
        decisions={k: {"choice": d.choice, "reason": d.reason} for k, d in decided.items()},
        items=[
            ReviewItem(
                key=candidate.key,
                pair=pair_id(candidate),
                before=url(index, "lq"),
                after=url(index, "gt"),
                width=candidate.width,
                height=candidate.height,
                category=candidate.degradation,
                prompt=candidate.prompt,
                credit=", ".join(filter(None, (candidate.credit, candidate.license))),
            )
            for index, candidate in enumerate(shown)
        ],
    )


class _CandidateSite:
    """Candidates beside their inputs, to be accepted or rejected."""

    def __init__(self, folder: CandidateFolder, shown: Sequence[Candidate], reviewer: str) -> None:
        self._folder, self._shown, self._reviewer = folder, shown, reviewer
        self._log = DecisionLog(reviewer_file(folder.root, reviewer))
        self._by_key = {candidate.key: candidate for candidate in shown}
        self.num_shown = len(shown)

    def render(self, decide_url: str, nonce: str) -> str:
        """Return the page with what was decided so far."""
        decided = self._log.current(self._shown)
        page = _page(
            self._reviewer, self._shown, decided, lambda index, side: f"picture/{index}/{side}"
        )
        return replace(page, decide_url=decide_url).to_html(nonce=nonce)

    def close(self) -> None:
        """Close the reviewer's file."""
        self._log.close()

    def picture(self, index: str, side: str) -> tuple[bytes, str] | None:
        """Return a picture and its type; None where there is none that is one."""
        if not (index.isascii() and index.isdigit()) or side not in ("lq", "gt"):
            return None
        if len(index) > 9 or int(index) >= len(self._shown):
            return None
        candidate = self._shown[int(index)]
        try:
            data = self._folder.read_side(candidate, "lq" if side == "lq" else "gt")
            return data, f"image/{inspect(data, candidate.key).format}"
        except GgtError:
            return None

    def decide(self, asked: Any) -> bool:
        """Write a decision down; False where it cannot be meant."""
        if not isinstance(asked, dict):
            return False
        candidate = self._by_key.get(str(asked.get("key")))
        choice, reason = asked.get("choice"), asked.get("reason", "")
        if candidate is None or choice not in (*CHOICES, UNDO) or not isinstance(reason, str):
            return False
        if asked.get("pair") != pair_id(candidate):
            return False
        decision = Decision(
            key=candidate.key,
            choice=choice,
            reason=" ".join(reason.split())[:MAX_REASON],
            pair=pair_id(candidate),
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self._log.add(decision)
        return True
