"""The opt-in that teaches plain `datasets` the bare name ``ggt-100k``, from any directory.

`datasets` has no registry of names, so the one function through which it finds every dataset is
wrapped, `datasets.load.dataset_module_factory`. Processes that `multiprocessing` spawns later
learn it too: the wish travels in the configuration that a process hands to its children. What is
loaded is read by stock parts alone, so a dataset that is already built needs none of this.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

from ggt_hf.data.loading.bare_name import BARE_NAME, resolve_bare_name
from ggt_hf.data.loading.location import Location
from ggt_hf.errors import UsageError

_FACTORY = "dataset_module_factory"
_ORIGINAL = "ggt_original"
"""Attribute of our function that holds the one it wraps."""
_WISH = "ggt_bare_name"
"""Key of the wish in the configuration that `multiprocessing` hands on."""


def enable_bare_name(to: str | Path | None = None, *, revision: str | None = None) -> None:
    """Make ``datasets.load_dataset("ggt-100k")`` work, with every function of its kind.

    It works from any directory, in this process and in those that `multiprocessing` (and so
    torch's `DataLoader`) starts from it afterwards. Calling it again changes the meaning.

    Args:
        to: folder or ``namespace/name``; ``None`` = as `ggt_hf.load_dataset` resolves the name.
        revision: commit, tag or branch of the repository.

    Raises:
        UsageError: `to` is no place, or this version of `datasets` is built differently.
    """
    if to is not None:
        place = Location.parse(to, revision)
        to = place.path if place.on_hub else str(Path(place.path).resolve())
        revision = place.revision
    original = _original_factory()
    wrapped = _wrapped(original, None if to is None else str(to), revision)
    for module in _homes():
        setattr(module, _FACTORY, wrapped)
    for configuration in _process_configurations():
        configuration[_WISH] = _Wish(None if to is None else str(to), revision)


def disable_bare_name() -> None:
    """Undo `enable_bare_name`; without effect where it was never called."""
    original = _original_factory()
    for module in _homes():
        setattr(module, _FACTORY, original)
    for configuration in _process_configurations():
        configuration.pop(_WISH, None)


class _Wish:
    """Unpickled in a spawned process, it enables the name there, and is handed on again."""

    def __init__(self, to: str | None, revision: str | None) -> None:
        self.to = to
        self.revision = revision

    def __reduce__(self) -> tuple[object, ...]:
        return _grant, (self.to, self.revision)


def _grant(to: str | None, revision: str | None) -> _Wish:
    enable_bare_name(to, revision=revision)
    return _Wish(to, revision)


def _wrapped(
    original: Callable[..., Any], to: str | None, revision: str | None
) -> Callable[..., Any]:
    signature = inspect.signature(original)

    @wraps(original)
    def factory(*args: Any, **kwargs: Any) -> Any:
        call = signature.bind(*args, **kwargs)
        if call.arguments["path"] == BARE_NAME and (to is not None or not Path(BARE_NAME).is_dir()):
            asked = call.arguments.get("revision")
            place = _meaning(to, revision, None if asked is None else str(asked))
            call.arguments["path"] = place.path
            call.arguments["revision"] = place.revision
        return original(*call.args, **call.kwargs)

    setattr(factory, _ORIGINAL, original)
    return factory


def _meaning(to: str | None, revision: str | None, asked: str | None) -> Location:
    return resolve_bare_name(asked) if to is None else Location.parse(to, revision).at(asked)


def _homes() -> tuple[ModuleType, ModuleType]:
    """Return the modules of `datasets` that hold a reference to the function."""
    import datasets.inspect
    import datasets.load

    return datasets.load, datasets.inspect


def _original_factory() -> Any:
    """Return the function of `datasets`, unwrapped, after a look whether it is still the one."""
    import datasets

    found = [getattr(module, _FACTORY, None) for module in _homes()]
    factory = found[0]
    known = (
        factory is not None
        and found[0] is found[1]
        and {"path", "revision"} <= set(inspect.signature(factory).parameters)
        and _FACTORY in datasets.load_dataset_builder.__code__.co_names
    )
    if not known:
        raise UsageError(
            f"datasets {datasets.__version__} finds its datasets in another way than the versions "
            "this package knows, so it cannot be taught the name.",
            hint="Use `from ggt_hf import load_dataset`, or run ggt link in your directory.",
        )
    return getattr(factory, _ORIGINAL, factory)


def _process_configurations() -> list[dict[str, Any]]:
    """Return what this process hands to its children, for both packages that can start them."""
    import multiprocessing.process

    import multiprocess.process

    modules: tuple[Any, ...] = (multiprocessing.process, multiprocess.process)
    return [module.current_process()._config for module in modules]
