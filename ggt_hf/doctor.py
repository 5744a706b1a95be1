"""What this machine has for us: versions, extras, tools, accelerator, Hub, disk.

Made to be pasted into an issue report: it holds no token, and no path says whose home it is.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ggt_hf.version import __version__

if TYPE_CHECKING:
    from packaging.requirements import Requirement

State = Literal["ok", "off", "bad"]
"""`ok`: there. `off`: absent, and only some features want it. `bad`: something to mend."""

DISTRIBUTION = "ggt-hf"
INTERNAL = {"test", "quality", "bench", "docs"}
"""Extras for those who work on this package."""
TOOLS = {
    "jpegtran": "rewrites JPEGs for `ggt build --seekable`",
}
LOW_DISK = 5 * 10**9
"""Bytes free under which a cache soon stands still; ours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing looked at."""

    area: str
    name: str
    state: State
    text: str
    """What was found and, where it is not `ok`, the next step."""


def examine(*, hub: bool = True) -> Iterator[Finding]:
    """Look at everything, quickest first.

    Args:
        hub: whether to ask the Hub anything (it waits three seconds at most).
    """
    yield _found("system", "ggt-hf", __version__)
    yield _found("system", "python", f"{platform.python_version()} on {platform.platform()}")
    yield _found("system", "cores", str(len(os.sched_getaffinity(0))))
    yield from _packages()
    yield from _extras()
    yield from _tools()
    yield _accelerator()
    yield from _disks()
    yield _token()
    if hub:
        yield _hub()


def _found(area: str, name: str, text: str, state: State = "ok") -> Finding:
    return Finding(area=area, name=name, state=state, text=text)


# Packages and extras


@cache
def _requirements() -> tuple[Requirement, ...]:
    from packaging.requirements import Requirement

    try:
        return tuple(Requirement(line) for line in metadata.requires(DISTRIBUTION) or ())
    except metadata.PackageNotFoundError:  # run from a folder on PYTHONPATH
        return ()


def _wanted(extra: str) -> list[Requirement]:
    """What an extra asks for here; with no name, what the package itself asks for."""
    return [
        requirement
        for requirement in _requirements()
        if requirement.name != DISTRIBUTION
        and (requirement.marker is None or requirement.marker.evaluate({"extra": extra}))
        and (extra == "" or "extra" in str(requirement.marker))
    ]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _lacks(requirement: Requirement) -> str | None:
    """What is wrong with how a requirement is met; None where it is met."""
    version = _version(requirement.name)
    if version is None:
        return requirement.name
    if not requirement.specifier.contains(version, prereleases=True):
        return f"{requirement.name}{requirement.specifier} (found {version})"
    return None


def _packages() -> Iterator[Finding]:
    if not _requirements():
        text = f"{DISTRIBUTION} is not installed here. Run: pip install {DISTRIBUTION}"
        yield _found("packages", DISTRIBUTION, text, "bad")
    for requirement in _wanted(""):
        lack = _lacks(requirement)
        if lack is None:
            yield _found("packages", requirement.name, _version(requirement.name) or "")
        else:
            text = f"needs {lack}. Run: pip install --upgrade {DISTRIBUTION}"
            yield _found("packages", requirement.name, text, "bad")


def _extras() -> Iterator[Finding]:
    names = metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") if _requirements() else None
    for extra in sorted(set(names or ()) - INTERNAL):
        wanted = _wanted(extra)
        lacks = [lack for lack in map(_lacks, wanted) if lack]
        if lacks:
            text = f"lacks {', '.join(lacks)}. Run: pip install '{DISTRIBUTION}[{extra}]'"
            yield _found("extras", extra, text, "off")
        else:
            have = ", ".join(f"{r.name} {_version(r.name)}" for r in wanted)
            yield _found("extras", extra, have)


def _tools() -> Iterator[Finding]:
    for tool, use in TOOLS.items():
        if shutil.which(tool):
            yield _found("tools", tool, use)
        else:
            yield _found("tools", tool, f"not found: it {use}", "off")
    yield _turbo()


def _turbo() -> Finding:
    from ggt_hf.data.regions.turbojpeg import library

    use = "decodes the crops of ordinary JPEGs in about half the time"
    found = library()
    if found:
        return _found("tools", "libjpeg-turbo 3", f"{Path(found._name).name}: {use}")
    return _found("tools", "libjpeg-turbo 3", f"not found: it {use}", "off")


# The machine and the Hub


def _accelerator() -> Finding:
    try:
        import torch
    except ImportError:
        return _found("accelerator", "torch", "not installed", "off")
    if torch.cuda.is_available():
        names = {torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())}
        return _found("accelerator", "cuda", f"{torch.cuda.device_count()} of {', '.join(names)}")
    if torch.backends.mps.is_available():
        return _found("accelerator", "mps", "Apple GPU")
    return _found("accelerator", "none", f"torch {torch.__version__} runs on the CPU", "off")


def _disks() -> Iterator[Finding]:
    from huggingface_hub import constants

    from ggt_hf.data.reading.cache import default_folder

    for name, folder in (("hub cache", Path(constants.HF_HUB_CACHE)), ("cache", default_folder())):
        place = next(p for p in (folder, *folder.parents) if p.exists())
        free = shutil.disk_usage(place).free
        text = f"{_homeless(folder)}: {free / 1e9:,.1f} GB free"
        if not os.access(place, os.W_OK):
            yield _found("disk", name, f"{text}, not writable. Set HF_HOME elsewhere.", "bad")
        elif free < LOW_DISK:
            yield _found("disk", name, f"{text}. Make room, or set HF_HOME elsewhere.", "bad")
        else:
            yield _found("disk", name, text)


def _homeless(path: Path) -> str:
    """The path with the user's home written as ~."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _token() -> Finding:
    from huggingface_hub import get_token

    if get_token():
        return _found("hub", "token", "present (not shown)")
    return _found("hub", "token", "none: public data only. To push, run: hf auth login", "off")


def _hub() -> Finding:
    from huggingface_hub import constants

    if constants.is_offline_mode():
        return _found("hub", "reach", "HF_HUB_OFFLINE is set: nothing is fetched", "off")
    import httpx2

    try:
        status = httpx2.get(f"{constants.ENDPOINT}/api/models?limit=1", timeout=3).status_code
    except httpx2.HTTPError as error:
        cause = type(error).__name__
        text = f"{constants.ENDPOINT} does not answer ({cause}). Check network, proxy, HF_ENDPOINT."
        return _found("hub", "reach", text, "bad")
    state: State = "ok" if status < 400 else "bad"
    return _found("hub", "reach", f"{constants.ENDPOINT} answers with {status}", state)
