"""The card templates of ``model_cards/``: in a checkout they lie beside the package, in a
wheel inside it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

FOLDER = "model_cards"


def render_template(name: str, variables: Mapping[str, str]) -> str:
    """Fill the template `name`; every variable it names must be given.

    Raises:
        jinja2.UndefinedError: a variable is missing.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    return environment.from_string(template_text(name)).render(variables)


def template_text(name: str) -> str:
    """Return the text of the template `name`."""
    package = files("ggt_hf")
    installed = package.joinpath(FOLDER, name)
    if installed.is_file():
        return installed.read_text(encoding="utf-8")
    return package.joinpath("..", FOLDER, name).read_text(encoding="utf-8")
