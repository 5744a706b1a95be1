"""What the Space does with a photograph, whatever it is shown on."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ggt_hf.pages.comparison import Comparison, EncodedImage
from ggt_hf.restoration.instructing import Instruction
from ggt_hf.restoration.loading import load_restorer, silent_loading
from ggt_hf.restoration.photograph import read_photograph
from ggt_hf.synthesis.prompting import AdaptivePrompter
from ggt_hf.vlm import load

if TYPE_CHECKING:
    from PIL import Image

    from ggt_hf.records import Prompt

LONG_SIDE = 1024
"""Photographs are reduced to this, in pixels: a Space's CPU is shared by all its visitors."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """A photograph, seen and restored."""

    prompt: Prompt
    """What an editing model would be asked, with the observation that it was written from."""
    before: Image.Image
    """The photograph: RGB, upright, at most `LONG_SIDE` long."""
    after: Image.Image
    """Its restoration, of the same size."""

    def slider(self) -> str:
        """Return both under a slider, as HTML for a page that brings `pages.slider_style`."""
        return Comparison(
            title="Your photograph",
            before=_encoded(self.before),
            after=_encoded(self.after),
            width=self.before.width,
            height=self.before.height,
            before_label="before",
            after_label="after",
        ).to_html()


class Studio:
    """An observer and a restorer, loaded once.

    Args:
        restorer: ``embedded``, a folder, or ``ORG/NAME``, as for `load_restorer`.
        observer: ``embedded``, ``rules``, or a vision-language model, as for `vlm.load`.

    Raises:
        GgtError: one of them cannot be loaded.
    """

    def __init__(self, restorer: str = "embedded", observer: str = "embedded") -> None:
        self.restorer_name = restorer
        self.observer_name = observer
        with silent_loading():
            self._restorer = load_restorer(restorer)
            self._prompter = AdaptivePrompter(load(observer))
        self._restorer.set_progress_bar_config(disable=True)

    def take(self, path: Path) -> Restored:
        """Look at the photograph in `path`, and restore it.

        Raises:
            GgtError: it is no picture that can be read, or the observer's answer is of no use.
        """
        before = read_photograph(path).image.copy()
        before.thumbnail((LONG_SIDE, LONG_SIDE))
        prompt = self._prompter.prompt(path.read_bytes())
        call = Instruction().call(self._restorer)
        if call:  # an editing model, which is told what to do
            call["prompt"] = prompt.text
        return Restored(
            prompt=prompt, before=before, after=self._restorer(before, **call).images[0]
        )


def _encoded(image: Image.Image) -> EncodedImage:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return EncodedImage(data=buffer.getvalue(), format="jpeg")
