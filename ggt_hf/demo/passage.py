"""One target of the demo as a comparison: its pictures, and each step with its reason."""

from __future__ import annotations

from ggt_hf.demo.report import DemoReport, Target
from ggt_hf.images import inspect
from ggt_hf.pages.comparison import Comparison, EncodedImage, Step, Tone
from ggt_hf.records import Check, Outcome, Prompt, Verdict

TONES: dict[Outcome, Tone] = {"accepted": "good", "rejected": "bad", "undecided": "open"}
"""What an outcome means for the reader."""

_STRENGTH = {1: "very light", 2: "light", 3: "plain", 4: "strong", 5: "very strong"}
_OBSERVERS = {
    "rules": "image statistics, no model",
    "ggt-hf/embedded-prompter": "the tiny model of the package",
}
_EDITORS = {"classical": "classical filters, no model"}


def target_comparison(report: DemoReport, target: Target) -> Comparison:
    """Return a target beside its photograph, with what was seen, asked, made and decided."""
    candidate, verdict = target.candidate, target.verdict
    before, after = (
        encoded_image((report.candidates / path).read_bytes(), candidate.key)
        for path in (candidate.lq_path, candidate.gt_path)
    )
    made = f"by {candidate.editor_id} ({_EDITORS.get(candidate.editor_id, 'a model')})"
    return Comparison(
        title=candidate.key,
        before=before,
        after=after,
        width=candidate.width,
        height=candidate.height,
        before_label="photograph",
        after_label="target",
        badge=verdict.outcome,
        badge_tone=TONES[verdict.outcome],
        steps=[
            _seen(target.prompt),
            Step(name="asked", text=_asked(target.prompt), more=target.prompt.text),
            Step(name="made", text=made),
            *_decided(verdict),
        ],
        notes=[f"{candidate.license} · {candidate.credit or 'no credit asked'}"],
    )


def encoded_image(data: bytes, name: str) -> EncodedImage:
    """Return encoded bytes as a page embeds them."""
    return EncodedImage(data=data, format=inspect(data, name).format)


def _seen(prompt: Prompt) -> Step:
    seen = prompt.observation
    effects = seen.effects if seen else ()
    observer = prompt.vlm_id or "nobody"
    return Step(
        name="seen",
        chips=[f"{_STRENGTH[e.severity]} {e.name.replace('_', ' ')}" for e in effects],
        text=f"by {observer} ({_OBSERVERS.get(observer, 'a model')})",
    )


def _asked(prompt: Prompt) -> str:
    return prompt.text.partition("\n")[0]


def _decided(verdict: Verdict) -> list[Step]:
    made = {check.stage: check for check in verdict.checks}
    refused = verdict.outcome == "rejected"
    return [
        _check("measured", made.get("metrics"), "not needed"),
        _check("judged", made.get("vlm"), "not asked: it was refused before"),
        _check("reviewed", made.get("review"), "by nobody" if refused else "by nobody yet"),
    ]


def _check(name: str, check: Check | None, otherwise: str) -> Step:
    if check is None:
        return Step(name=name, text=otherwise)
    tones: dict[bool | None, tuple[Tone, str]] = {
        True: ("good", "passed"),
        False: ("bad", "refused"),
        None: ("open", "cannot say"),
    }
    tone, said = tones[check.passed]
    numbers = [
        f"{label} {check.scores[score]:.0f} of 100"
        for score, label in (("removed", "degradation removed"), ("kept", "content kept"))
        if score in check.scores
    ]
    # What the judge is blind to is said with each of its verdicts, and once in a table below.
    text, blind, _ = check.reason.partition("; not shown to see")
    more = check.reason if blind else None
    return Step(name=name, text=text, tone=tone, said=said, chips=numbers, more=more)
