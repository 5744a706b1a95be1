"""From a file or a name to a `Recipe`; what is wrong is told by line, field and remedy."""

from __future__ import annotations

import types
from collections.abc import Iterator
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

import yaml

from ggt_hf.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ggt_hf.training.recipe import Recipe

_SHIPPED = files("ggt_hf.training") / "recipes"

Place = tuple[str | int, ...]
"""Where a value stands in a recipe: names of fields and numbers of list entries."""


def read_recipe(recipe: str | Path) -> Recipe:
    """Return the recipe of a file, or the one of that name that comes with the package.

    Raises:
        UsageError: there is none, or it cannot be meant; names file, line, field and remedy.
        MissingExtraError: pydantic is not installed.
    """
    return parse_recipe(recipe_text(recipe), str(recipe))


def recipe_text(recipe: str | Path) -> str:
    """Return the text of a recipe's file, or of the one of that name that comes with the package.

    Raises:
        UsageError: there is none, or it is no text.
    """
    path, name = Path(recipe), str(recipe)
    if path.suffix in {".yaml", ".yml"} or path.is_file():
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"{path} cannot be read: {error}.", hint="Give a recipe; see: ggt train --list"
            ) from error
    names = recipe_names()
    if name not in names:
        close = get_close_matches(name, names, 1)
        meant = f"Did you mean {close[0]}? " if close else ""
        raise UsageError(
            f"There is no recipe {name}, neither a .yaml file nor in the package.",
            hint=f"{meant}See: ggt train --list",
        )
    return (_SHIPPED / f"{name}.yaml").read_text(encoding="utf-8")


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in _SHIPPED.iterdir()
        if entry.name.endswith(".yaml")
    )


def parse_recipe(text: str, name: str) -> Recipe:
    """Return the recipe that `text` holds.

    Args:
        text: YAML.
        name: of the file, for errors.

    Raises:
        UsageError: naming line, field and remedy.
        MissingExtraError: pydantic is not installed.
    """
    try:
        from pydantic import ValidationError

        from ggt_hf.training.recipe import Recipe
    except ModuleNotFoundError as error:
        raise MissingExtraError.of(str(error.name), "train", "Training") from error
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UsageError(
            f"{name}{where}, is no YAML: {getattr(error, 'problem', None) or error}.",
            hint="Mend the line; words with a colon or a # in them want quotes.",
        ) from error
    if not isinstance(given, dict):
        raise UsageError(f"{name} is no recipe.", hint="Begin with one of: ggt train --list")
    try:
        return Recipe.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _told(first, given, tree, name, Recipe, count=error.error_count()) from error


def _told(
    problem: Any, given: Any, tree: Any, name: str, model: type[BaseModel], *, count: int
) -> UsageError:
    """Return one problem of pydantic's as ours: where it stands, what is wrong, what helps."""
    where = _place(problem, given)
    field = ".".join(str(part + 1 if isinstance(part, int) else part) for part in where)
    line = _line(tree, where)
    more = f" ({count - 1} more problems after this one.)" if count > 1 else ""
    message = problem["msg"].removeprefix("Value error, ")
    kind, value = problem["type"], problem.get("input")
    if kind == "missing":
        words = f"{name}, line {line}: {field} is missing."
        return UsageError(words, hint=f"Add it. {_meaning(model, where)}{more}".strip())
    if kind == "extra_forbidden":
        known = list(_fields(model, where[:-1], given))
        close = get_close_matches(str(where[-1]), known, 1)
        words = f"{name}, line {line}: there is no field {field}."
        meant = f"Did you mean {close[0]}? " if close else ""
        return UsageError(words, hint=f"{meant}It takes {', '.join(known)}.{more}")
    if kind.startswith("union_tag"):
        kinds = [get_args(s.model_fields["kind"].annotation)[0] for s in _sections(model, where)]
        words = f"{name}, line {line}: {field} has no kind that is known."
        return UsageError(words, hint=f"Give kind: {', '.join(kinds)}.{more}")
    shown = "" if isinstance(value, dict | list) else f", got {value!r}"
    words = f"{name}, line {line}: {field or 'the recipe'}: {message}{shown}."
    return UsageError(words, hint=f"{_meaning(model, where) or 'Mend the line.'}{more}")


def _place(problem: Any, given: Any) -> Place:
    """Return pydantic's location without the names of unions' cases, which no line has."""
    kept: list[str | int] = []
    *path, last = problem["loc"] or ("",)
    for part in path:
        inside = _inside(given, part)
        if isinstance(inside, dict | list) or (isinstance(part, int) and inside is not None):
            given = inside
            kept.append(part)
    if problem["type"] == "missing" or _inside(given, last) is not None:
        kept.append(last)
    return tuple(kept)


def _inside(given: Any, part: str | int) -> Any:
    if isinstance(given, dict):
        return given.get(part)
    return given[part] if isinstance(given, list) and isinstance(part, int) else None


def _line(tree: Any, where: Place) -> int:
    """Return the line of the deepest part of `where` that the file has, counted from 1."""
    line = int(tree.start_mark.line)
    for part in where:
        if isinstance(tree, yaml.MappingNode):
            found = next((pair for pair in tree.value if pair[0].value == str(part)), None)
            if found is None:
                break
            line, tree = found[0].start_mark.line, found[1]
        elif isinstance(tree, yaml.SequenceNode) and isinstance(part, int):
            tree = tree.value[part]
            line = tree.start_mark.line
        else:
            break
    return line + 1


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the sections that a field's type speaks of."""
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is not None or isinstance(annotation, types.UnionType):
        for part in get_args(annotation):
            yield from _models(part)


def _sections(model: type[BaseModel], where: Place) -> list[type[BaseModel]]:
    sections = [model]
    for part in where:
        if isinstance(part, int):
            continue
        fields = [s.model_fields[part] for s in sections if part in s.model_fields]
        sections = [found for field in fields for found in _models(field.annotation)]
    return sections


def _fields(model: type[BaseModel], where: Place, given: Any) -> list[str]:
    """Return the fields that stand at `where`; of a union, those of the case that was chosen."""
    for part in where:
        given = given[part]
    sections = _sections(model, where)
    chosen = [s for s in sections if _is_case(s, given)]
    return sorted({name for section in chosen or sections for name in section.model_fields})


def _is_case(section: type[BaseModel], given: Any) -> bool:
    kind = section.model_fields.get("kind")
    if kind is not None:
        return given.get("kind") in get_args(kind.annotation)
    return all(name in given for name, field in section.model_fields.items() if field.is_required())


def _meaning(model: type[BaseModel], where: Place) -> str:
    """Return what a field means, from the words under it in the recipe's definition."""
    names = [part for part in where if isinstance(part, str)]
    if not names:
        return ""
    sections = _sections(model, tuple(names[:-1]))
    told = {s.model_fields[names[-1]].description for s in sections if names[-1] in s.model_fields}
    known = next((words for words in told if words), None)
    return f"{names[-1]}: {known}" if known else ""
