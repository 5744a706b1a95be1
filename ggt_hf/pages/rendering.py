"""Jinja templates of this room, with their style and script drawn in."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """Return the template `template` filled with `values`; text is escaped.

    Half characters, as names of files on Linux may hold, become question marks: a page is UTF-8.
    """
    text = _environment().get_template(template).render(**values)
    return text.encode(errors="replace").decode()


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("ggt_hf.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
