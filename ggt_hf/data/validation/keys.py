"""How the members of a shard group into pairs, and how stock readers would group them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ggt_hf.data.format.schema import MEMBERS, is_key
from ggt_hf.data.validation.report import Ledger

_BUILD = "Build the shard again with ggt build."
_EXPECTED = ", ".join(f"KEY.{suffix}" for suffix in MEMBERS)


def split_name(name: str) -> tuple[str, str]:
    """Cut a member's name into key and suffix at its first dot, as stock readers do."""
    folder, slash, file = name.rpartition("/")
    key, _, suffix = file.partition(".")
    return folder + slash + key, suffix


def check_keys(names: Sequence[str], ledger: Ledger, *, complete: bool) -> list[str]:
    """Check that a shard's members are three adjacent ones a key.

    Args:
        names: the names of all regular members, in the order in which they stand.
        ledger: takes the findings.
        complete: whether the shard was seen to its end; else its last pair is not judged.

    Returns:
        The keys, each once, in the order in which they stand.
    """
    groups = [
        (key, [split_name(name)[1] for name in members])
        for key, members in groupby(names, key=lambda name: split_name(name)[0])
    ]
    suffixes: dict[str, list[list[str]]] = {}
    for key, found in groups:
        suffixes.setdefault(key, []).append(found)
    last = groups[-1][0] if groups else None
    for key, runs in suffixes.items():
        if complete or key != last:
            _check_key(key, runs, ledger)
    return list(suffixes)


def _check_key(key: str, runs: list[list[str]], ledger: Ledger) -> None:
    found = [suffix for run in runs for suffix in run]
    cause = (
        _unnamed(key, found)
        or _dotted(found)
        or _scattered(runs)
        or _renamed(found)
        or _repeated(found)
        or _incomplete(found)
    )
    if cause is not None:
        ledger.add("keys", cause, _BUILD, subject=key or found[0])
    if key and not is_key(key):
        ledger.add(
            "keys",
            "a key holds a-z, 0-9, '_' and '-' only, and does not begin with '__', "
            "which stock readers skip",
            "Rename it, or let ggt build do so.",
            subject=key,
        )


def _unnamed(key: str, found: list[str]) -> str | None:
    if not key or "" in found:
        return f"a member without key or suffix is skipped by stock readers; expected {_EXPECTED}"
    return None


def _dotted(found: list[str]) -> str | None:
    dotted = [s for s in found if "." in s and s.rpartition(".")[2] in MEMBERS]
    if dotted:
        return (
            f"a dot in the key: readers cut the name at its first dot, take {dotted[0]!r} for "
            "the suffix, and collapse different samples into one"
        )
    return None


def _scattered(runs: list[list[str]]) -> str | None:
    if len(runs) == 1:
        return None
    if all(tuple(run) == MEMBERS for run in runs):
        return f"the key stands {len(runs)} times in the shard"
    return (
        f"its members are not adjacent: they stand in {len(runs)} places, "
        "and readers make a half row of each"
    )


def _renamed(found: list[str]) -> str | None:
    strange = [suffix for suffix in found if suffix not in MEMBERS]
    if strange:
        lost = [suffix for suffix in MEMBERS if suffix not in found]
        comes = f"readers give None for {', '.join(lost)}" if lost else "readers drop it"
        return f"the member {strange[0]!r} is foreign (expected {_EXPECTED}); {comes}"
    return None


def _repeated(found: list[str]) -> str | None:
    twice = sorted({suffix for suffix in found if found.count(suffix) > 1})
    return f"the member {twice[0]!r} stands there twice; readers stop" if twice else None


def _incomplete(found: list[str]) -> str | None:
    missing = [suffix for suffix in MEMBERS if suffix not in found]
    if missing:
        return f"no member {', '.join(missing)}; readers give None for it"
    if tuple(found) != MEMBERS:
        return f"its members stand as {', '.join(found)} instead of {', '.join(MEMBERS)}"
    return None
