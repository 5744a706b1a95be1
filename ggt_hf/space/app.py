"""The page of the Space, by gradio. It fetches nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggt_hf.errors import GgtError, MissingExtraError
from ggt_hf.pages.comparison import slider_style
from ggt_hf.sample import real_photographs

if TYPE_CHECKING:
    from ggt_hf.records import Prompt
    from ggt_hf.space.studio import Studio

TITLE = "Generative ground truth: see, word, restore"
EXAMPLES = ("weather-showers", "rocket", "img-nagasaki-boats", "tea-gardens")
"""Photographs of the sample that visitors can try."""

_LEAD = """\
# {title}

Give a photograph that rain, haze, darkness or age has spoilt. An observer says what it sees, a
template words what to remove and what must stay, and a restorer takes the photograph back.
**It guesses: what it shows need not have been there.**
"""
_MODELS = """\
Observer: `{observer}`. Restorer: `{restorer}`. {embedded}Photographs are reduced to {side} pixels
here and are not kept by this code; `ggt restore` takes any size.
"""
_EMBEDDED = """\
Both embedded models are tiny, so that this runs on a CPU; their cards say how far they go. The
embedded restorer takes no instruction: the prompt is what an editing model would be asked.
"""
_FILLS = [
    f"button_primary_background_fill{hover}{dark}"
    for hover in ("", "_hover")
    for dark in ("", "_dark")
]
_STYLE = ".slider img { max-width: none } .slider { --accent: #5fd0b5 }"


def serve(restorer: str = "embedded", observer: str = "embedded", **options: Any) -> None:
    """Load the models, and serve the page until it is stopped.

    Args:
        restorer: as for `Studio`.
        observer: as for `Studio`.
        options: what gradio's ``launch`` takes: ``server_port``, ``server_name``, ...

    Raises:
        GgtError: a model cannot be loaded, or gradio is not installed.
    """
    gradio = _gradio()
    from ggt_hf.space.studio import Studio

    page = build(Studio(restorer, observer))
    theme = gradio.themes.Default(
        primary_hue="teal",
        font=["system-ui", "DejaVu Sans", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    # White on the theme's own teal is too faint to read.
    dark_teal = {name: "#0b6b58" for name in _FILLS}
    page.launch(
        theme=theme.set(**dark_teal), css=slider_style() + _STYLE, footer_links=[], **options
    )


def build(studio: Studio) -> Any:
    """Return the page as gradio's ``Blocks``, not yet served."""
    gradio = _gradio()
    examples = [photo for photo in real_photographs() if photo.key in EXAMPLES]
    with gradio.Blocks(title=TITLE, analytics_enabled=False) as page:
        gradio.Markdown(_LEAD.format(title=TITLE))
        with gradio.Row():
            with gradio.Column():
                given = gradio.Image(type="filepath", label="Photograph", sources=["upload"])
                start = gradio.Button("Look at it and restore it", variant="primary")
                gradio.Examples(
                    [[str(photo.path)] for photo in examples],
                    inputs=given,
                    label="Really degraded photographs",
                    example_labels=[photo.degradation.replace("_", " ") for photo in examples],
                )
            with gradio.Column():
                slider = gradio.HTML(label="Before and after", js_on_load=None)
                seen = gradio.Textbox(label="What the observer sees", interactive=False, lines=3)
                prompt = gradio.Textbox(
                    label="What an editing model would be asked", interactive=False, lines=9
                )
        gradio.Markdown(_models(studio))
        start.click(
            lambda path: _taken(studio, path), given, [slider, seen, prompt], api_name="restore"
        )
    return page


def _taken(studio: Studio, path: str | None) -> tuple[str, str, str]:
    gradio = _gradio()
    if path is None:
        raise gradio.Error("Give a photograph first.", print_exception=False)
    try:
        made = studio.take(Path(path))
    except GgtError as error:
        # The server's path of it says nothing to a visitor.
        message = str(error).replace(path, "Your photograph")
        raise gradio.Error(message, print_exception=False) from error
    return made.slider(), _seen(made.prompt), made.prompt.text


def _seen(prompt: Prompt) -> str:
    observation = prompt.observation
    if observation is None or not observation.effects:
        return "Nothing that is wrong with it."
    named = [
        f"{effect.name.replace('_', ' ')}, severity {effect.severity} of 5"
        for effect in observation.effects
    ]
    return f"Above all: {observation.category.replace('_', ' ')}.\n" + "\n".join(named)


def _models(studio: Studio) -> str:
    from ggt_hf.space.studio import LONG_SIDE

    names = studio.observer_name, studio.restorer_name
    return _MODELS.format(
        observer=names[0],
        restorer=names[1],
        embedded=_EMBEDDED if names == ("embedded", "embedded") else "",
        side=LONG_SIDE,
    )


def _gradio() -> Any:
    try:
        import gradio
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("gradio", "space", "Serving the Space") from error
    return gradio
