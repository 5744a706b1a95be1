"""The files of a Space's repository."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ggt_hf.errors import UsageError
from ggt_hf.version import __version__

GRADIO = "6.31.0"
"""The gradio that the Space was tested with; its card names it."""

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)

NAMES = ("README.md", "app.py", "requirements.txt")


def space_files(restorer: str = "embedded", observer: str = "embedded") -> Mapping[str, bytes]:
    """Return path -> content of a Space that serves these models.

    Args:
        restorer: ``embedded`` or ``ORG/NAME``.
        observer: ``embedded``, ``rules`` or ``ORG/NAME``.

    Raises:
        UsageError: a Space could not find the model: a folder of this machine, say.
    """
    _refuse_unknown(restorer, ("embedded",), "--restorer")
    _refuse_unknown(observer, ("embedded", "rules"), "--observer")
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


def _refuse_unknown(name: str, built_in: tuple[str, ...], flag: str) -> None:
    if name in built_in:
        return
    if name and Path(name).exists():
        raise UsageError(
            f"{name} is a folder here, and a Space cannot read it.",
            hint=f"Push it first (ggt push model), and give {flag} ORG/NAME.",
        )
    if not _REPOSITORY.fullmatch(name):
        raise UsageError(
            f"{name!r} is no model's name on the Hub.",
            hint=f"Give {flag} {', '.join(built_in)} or ORG/NAME.",
        )
