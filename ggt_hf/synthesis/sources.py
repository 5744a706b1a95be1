"""The degraded photographs a run starts from: a folder of them, or a file that lists them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ggt_hf.data.format.schema import is_key, normalise_key
from ggt_hf.errors import GgtError, SourceError
from ggt_hf.images import inspect
from ggt_hf.records import Degradation, Source
from ggt_hf.stages import read_sources

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
"""What counts as a picture in a folder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceList:
    """What was found."""

    sources: tuple[Source, ...]
    """The photographs, in the order of the file or of their paths; `path` is absolute."""
    problems: tuple[tuple[str, str], ...]
    """(path, why) of what cannot be used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceLabels:
    """What the user says of every photograph in a folder."""

    degradation: Degradation | None = None
    """Their category."""
    license: str = "unknown"
    """Their licence, as an SPDX identifier."""
    credit: str | None = None
    """Whom to name."""


def list_sources(
    given: Path, labels: SourceLabels, limit: int | None = None, *, out: Path | None = None
) -> SourceList:
    """Return the photographs of a folder, or of a ``sources.jsonl``.

    In a folder, a photograph's key is its path, and its category may be said by the name of a
    folder on the way to it, the given one included. What lies in `out` is what was made of them,
    and no source.

    Raises:
        SourceError: there is nothing, or two photographs have one key.
        FormatError: a line of the file is no source.
    """
    if given.is_dir():
        found = _of_folder(given, labels, limit, out)
    elif given.suffix == ".jsonl" and given.exists():
        found = _of_file(given, labels, limit)
    else:
        raise SourceError(
            f"{given} is neither a folder of photographs nor a JSONL file of sources.",
            hint="Give a folder of JPEG, PNG or WebP files.",
        )
    if not found.sources and not found.problems:
        raise SourceError(
            f"There is no photograph in {given}.",
            hint=f"Photographs end in {', '.join(sorted(SUFFIXES))}.",
        )
    _refuse_twins(found.sources)
    return found


def _of_folder(
    folder: Path, labels: SourceLabels, limit: int | None, out: Path | None
) -> SourceList:
    made = out.absolute() if out else None
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and (made is None or made not in path.absolute().parents)
    )
    sources, problems = [], []
    for path in paths[:limit]:
        name = path.relative_to(folder)
        if not is_utf8(path.absolute()):
            problems.append((ascii(str(name)), "its name is not valid UTF-8"))
            continue
        try:
            info = inspect(path.read_bytes(), str(name))
            key = normalise_key(name.with_suffix("").as_posix())
        except (GgtError, OSError) as error:
            problems.append((str(name), str(error)))
            continue
        sources.append(
            Source(
                key=key,
                path=str(path.absolute()),
                degradation=labels.degradation or _category(Path(folder.resolve().name) / name),
                width=info.width,
                height=info.height,
                license=labels.license,
                credit=labels.credit,
                source=name.as_posix(),
            )
        )
    return SourceList(sources=tuple(sources), problems=tuple(problems))


def is_utf8(path: Path) -> bool:
    """Say whether the name of a file can stand in a file of lines: on Linux any bytes are one."""
    try:
        return bool(str(path).encode())
    except UnicodeEncodeError:
        return False


def _of_file(file: Path, labels: SourceLabels, limit: int | None) -> SourceList:
    sources, problems = [], []
    for source in read_sources(file)[:limit]:
        path = (file.parent / source.path).absolute()
        if not is_key(source.key):
            problems.append((source.path, f"{source.key!r} is no key of a-z, 0-9, '_', '-'"))
        elif not path.is_file():
            problems.append((source.path, "there is no such file"))
        else:
            unknown = source.license == "unknown"
            sources.append(
                replace(
                    source,
                    path=str(path),
                    degradation=source.degradation or labels.degradation,
                    license=labels.license if unknown else source.license,
                    credit=source.credit or labels.credit,
                )
            )
    return SourceList(sources=tuple(sources), problems=tuple(problems))


def _category(name: Path) -> Degradation | None:
    """Return the category that a folder on the way to a file names, the innermost first."""
    from ggt_hf.data.building.sources.words import Vocabulary

    vocabulary = Vocabulary({})
    named = (vocabulary.category(part) for part in reversed(name.parts[:-1]))
    return next((category for category in named if category), None)


def _refuse_twins(sources: tuple[Source, ...]) -> None:
    seen: dict[str, str] = {}
    for source in sources:
        if source.key in seen:
            raise SourceError(
                f"{seen[source.key]} and {source.path} both have the key {source.key}.",
                hint="Rename one of them.",
            )
        seen[source.key] = source.path
