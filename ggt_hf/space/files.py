"""The files of a Space's repository."""

from __future__ import annotations

from collections.abc import Mapping

from ggt_hf.version import __version__

GRADIO = "6.31.0"
"""The gradio that the Space was tested with; its card names it."""

NAMES = ("README.md", "app.py", "requirements.txt")


def space_files(restorer: str = "embedded", observer: str = "embedded") -> Mapping[str, bytes]:
    """Return path -> content of a Space that serves these models.

    Args:
        restorer: ``embedded`` or ``ORG/NAME``.
        observer: ``embedded``, ``rules`` or ``ORG/NAME``.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ggt_hf.space", "template"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,
    )
    values = {
        "restorer": restorer,
        "observer": observer,
        "models": [name for name in (restorer, observer) if "/" in name],
        "gradio": GRADIO,
        "version": __version__,
    }
    return {name: environment.get_template(f"{name}.j2").render(values).encode() for name in NAMES}
