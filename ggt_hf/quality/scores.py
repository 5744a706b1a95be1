"""The scores of stage 1: what each means, its unit, and the words a reason uses for it."""

from __future__ import annotations

from typing import NamedTuple


class ScoreKind(NamedTuple):
    """What one score measures, and what is wrong where it leaves its limits."""

    about: str
    """What is measured, against its neutral value."""
    unit: str
    """Written after the number; empty for a plain number."""
    low: str
    """What a reason says under the least allowed value."""
    high: str
    """What a reason says over the most allowed value."""


_CHANGED = "its content differs from the input"
_TONE = "its tone left the input's"
_DARK, _BRIGHT = "its tone is too dark", "its tone is too bright"
_CAST = "it has a colour cast"
_SOFT, _HARSH = "it is over-smoothed", "it is over-sharpened or noisy"

SCORES: dict[str, ScoreKind] = {
    "contrast": ScoreKind(
        "standard deviation of brightness", " levels", "it is blank or flat", "it is all extremes"
    ),
    "brightness": ScoreKind(
        "mean brightness of the candidate", " levels", "it is black", "it is white"
    ),
    "psnr_to_input": ScoreKind(
        "likeness with the input", " dB", _CHANGED, "it is the input unchanged"
    ),
    "detail_kept": ScoreKind(
        "correlation of fine detail and noise with the input's; 1 = the same",
        "",
        _CHANGED,
        "it is the input unchanged",
    ),
    "support": ScoreKind(
        "share of the picture found again in the candidate", "", "it shows another picture", ""
    ),
    "shift": ScoreKind("movement of the centre", " px", "", "it is shifted"),
    "scale": ScoreKind("growth or shrinkage, without sign", " %", "", "it is scaled"),
    "rotation": ScoreKind("turn, without sign", " degrees", "", "it is rotated"),
    "warp": ScoreKind("local movement that a similarity leaves", " px", "", "it is warped"),
    "structure": ScoreKind(
        "correlation of low-passed local contrast; 1 = all kept", "", _CHANGED, ""
    ),
    "least_lost": ScoreKind(
        "the same at the worst place that shows something in the input",
        "",
        "something of the input was removed or altered",
        "",
    ),
    "least_gained": ScoreKind(
        "the same at the worst place that shows something in the candidate",
        "",
        "something was inserted or altered",
        "",
    ),
    "vanished": ScoreKind("loss of local contrast at one place", "", "something was removed", ""),
    "appeared": ScoreKind("gain of local contrast at one place", "", "", "something was inserted"),
    "gain": ScoreKind("growth of linear brightness; 1 = kept", "", _TONE, _TONE),
    "at_black": ScoreKind("change of tone fitted at black", " % of white", _DARK, _BRIGHT),
    "at_white": ScoreKind("change of tone fitted at bright grey", " % of white", _DARK, _BRIGHT),
    "at_veil": ScoreKind(
        "change of tone at the brightness of a veil", " % of white", _DARK, _BRIGHT
    ),
    "gamma": ScoreKind(
        "power of linear brightness over the input's; 1 = kept",
        "",
        "its contrast is weaker than the scene's",
        "its contrast is harsher than the scene's",
    ),
    "drift": ScoreKind(
        "how much worse no drift of tone explains the pair than one does; 0 = no worse",
        "",
        "",
        "its tone drifted",
    ),
    "drift_power": ScoreKind(
        "power that takes the drift back which explains the pair best; 1 = none",
        "",
        "its middle tones are too dark",
        "its middle tones are too bright",
    ),
    "drift_offset": ScoreKind(
        "where it meets the veil, against the input", " % of white", _DARK, _BRIGHT
    ),
    "tint": ScoreKind("growth of red against blue, without sign", " octaves", "", _CAST),
    "hue": ScoreKind(
        "least turn of the hues that is certain, without sign",
        " degrees",
        "",
        "its hues are turned",
    ),
    "chroma": ScoreKind(
        "colourfulness against the input's; 1 = kept", "", "its colours are lost", "it is gaudy"
    ),
    "tone": ScoreKind(
        "how far the scores of tone lie, all together, from those of good targets",
        " deviations",
        "",
        "its tones fit no good target",
    ),
    "darkest": ScoreKind(
        "what is darkest near any place, 1st percentile", " levels", _DARK, "its blacks are lifted"
    ),
    "brightest": ScoreKind(
        "98th percentile of the brightest channel", " levels", "its whites are dulled", _BRIGHT
    ),
    "crushed": ScoreKind("share of values at 0", "", "", "its blacks are crushed"),
    "blown": ScoreKind("share of values at 255", "", "", "its whites are blown out"),
    "fine": ScoreKind("octaves of finest against coarse detail", "", _SOFT, _HARSH),
    "middle": ScoreKind("octaves of middle against coarse detail", "", _SOFT, _HARSH),
    "sharpness_gain": ScoreKind("the same, minus the input's", "", _SOFT, _HARSH),
    "peaks": ScoreKind("kurtosis of middle detail; halos raise it", "", _SOFT, _HARSH),
    "naturalness": ScoreKind(
        "shape of locally normalised brightness", "", "it looks unnatural", "it looks unnatural"
    ),
    "naturalness_gain": ScoreKind(
        "the same, minus the input's", "", "it looks unnatural", "it looks unnatural"
    ),
    "text_kept": ScoreKind(
        "likeness of the most altered line of text; 1 = all kept", "", "text was altered", ""
    ),
    "text_lines": ScoreKind("lines of text read in the input", "", "", ""),
}
"""Name -> kind; the order is that of a report."""
