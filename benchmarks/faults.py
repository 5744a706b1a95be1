"""What a network's faults cost each reader: ours, stock `datasets`, stock `webdataset`.

    python -m benchmarks.faults

Three shards of twenty pairs lie on a loopback Hub. Each reader, in a process of its own, reads all
of them while one fault is injected into the storage that serves the first shard. Every picture's
bytes are compared with what was pushed. Prints a Markdown table; takes about six minutes.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hub_server import loopback
from tests.hub_server.faults import FOREVER
from tests.hub_server.loopback import Hub

REPO = "ggt/pairs"
SHARDS, PAIRS_A_SHARD = 3, 20
READERS = ("ggt_hf", "datasets", "webdataset")
TIME_LIMIT = 240.0
"""Seconds after which a reader that neither delivers nor fails is stopped."""

MID, EDGE = "mid-member", "member boundary"


@dataclass(frozen=True)
class Case:
    """A fault: rules of the loopback Hub; ``AT`` stands for a byte count of the answer's body."""

    name: str
    rules: Sequence[dict[str, Any]]
    place: str = MID


AT = object()
CASES = (
    Case("none", ()),
    Case("connection closed mid-member", [{"drop_after": AT}]),
    Case("connection reset mid-member", [{"drop_after": AT, "reset": True}]),
    Case("closed at a member boundary", [{"drop_after": AT}], EDGE),
    Case(
        "closed at a member boundary, the reconnect closed too",
        [{"drop_after": AT}, {"drop_after": 0}],
        EDGE,
    ),
    Case("chunked body cut", [{"chunked_cut": AT}]),
    Case("short body, consistent length, mid-member", [{"truncate": AT}]),
    Case("short body at a member boundary", [{"truncate": AT}], EDGE),
    Case("clean early end at a member boundary", [{"chunked_cut": AT, "clean_end": True}], EDGE),
    Case("closed, then the range is ignored", [{"drop_after": AT}, {"ignore_range": True}]),
    Case("flipped byte in a picture", [{"corrupt": "picture"}]),
    Case("flipped byte in a tar header", [{"corrupt": "header"}]),
    Case("stall of 8 s", [{"stall_after": AT, "stall_s": 8.0}]),
    Case("3 connections closed without an answer", [{"close": True, "times": 3}]),
    Case("503 once, Retry-After: 1", [{"status": 503, "headers": {"Retry-After": "1"}}]),
    Case("403: the signed URL expired, once", [{"status": 403}]),
    Case("503 for ever", [{"status": 503, "times": FOREVER}]),
)  # fmt: skip


@dataclass(frozen=True)
class Places:
    """Where faults strike, in bytes."""

    path: str
    """Regular expression of the first shard's URL."""
    picture: int
    """A byte of a picture, counted in the file."""
    header: int
    """A byte of a tar header, counted in the file."""
    streamed: int
    """Length of the shard's first four pairs: a member boundary for who streams."""
    ranged: int
    """Length of a stored LQ: a member boundary for who reads a pair by its range."""

    def fill(self, rule: dict[str, Any], reader: str, place: str) -> dict[str, Any]:
        at = (self.ranged if reader == "ggt_hf" else self.streamed) - (300 if place == MID else 0)
        named = {"picture": self.picture, "header": self.header}
        filled = {
            k: at if v is AT else named.get(v, v) if k == "corrupt" else v for k, v in rule.items()
        }
        return {"server": "cdn", "path": self.path, **filled}


# What each reader's process runs: one line a pair, the SHA-256 of both pictures, at once.
CODE = {
    "ggt_hf": """
from ggt_hf.data.reading.reader import RetryPolicy, open_dataset
with open_dataset(REPO, cache=False, retry=RetryPolicy(first_delay=0.2, read_timeout=5)) as store:
    for row in store.manifest:
        pair = store.pair(row)
        tell(pair.lq, pair.gt)
""",
    "datasets": """
from datasets import load_dataset
for row in load_dataset(REPO, split="train", streaming=True).decode(False):
    tell(*((row[side] or {}).get("bytes") or b"" for side in ("lq", "gt")))
""",
    "webdataset": """
import webdataset
urls = [f"{os.environ['HF_ENDPOINT']}/datasets/{REPO}/resolve/main/{path}" for path in PATHS]
for sample in webdataset.WebDataset(urls, shardshuffle=False):
    tell(sample.get("lq", b""), sample.get("gt", b""))
""",
}

PREFACE = """
import hashlib, os, sys
REPO, PATHS = sys.argv[1], sys.argv[2:]
def tell(lq, gt):
    print(hashlib.sha256(lq + gt).hexdigest(), flush=True)
"""


def main() -> None:
    hub = loopback.start()
    hub.refresh("lfs")
    with tempfile.TemporaryDirectory() as folder:
        expected, paths, places = _push(hub, Path(folder))
    print(f"| fault | {' | '.join(READERS)} |")
    print(f"|{'---|' * (len(READERS) + 1)}")
    for case in CASES:
        cells = [_cell(hub, reader, case, expected, paths, places) for reader in READERS]
        print(f"| {case.name} | {' | '.join(cells)} |", flush=True)


def _push(hub: Hub, folder: Path) -> tuple[set[str], list[str], Places]:
    from ggt_hf.data.reading.reader import open_dataset
    from tests.making import make_dataset, make_pair

    pairs = [make_pair(i, size=(96, 64)) for i in range(SHARDS * PAIRS_A_SHARD)]
    make_dataset(folder / "pairs", pairs, pairs_a_shard=PAIRS_A_SHARD)
    hub.api().create_repo(REPO, repo_type="dataset")
    hub.api().upload_folder(repo_id=REPO, repo_type="dataset", folder_path=folder / "pairs")
    with open_dataset(folder / "pairs") as store:
        first, fifth = store.manifest.row(0), store.manifest.row(4)
        shards = store.info.shards
    places = Places(
        path=f"/lfs/{shards[0].sha256}",
        picture=first.gt.offset + 500,
        header=fifth.gt.offset - 512 + 130,  # in the size field
        streamed=fifth.lq.offset - 512,
        ranged=first.gt.offset - 512 - first.lq.offset,
    )
    expected = {hashlib.sha256(pair.lq + pair.gt).hexdigest() for pair in pairs}
    return expected, [shard.path for shard in shards], places


def _cell(
    hub: Hub, reader: str, case: Case, expected: set[str], paths: list[str], places: Places
) -> str:
    hub.heal()
    for rule in case.rules:
        hub.fault(**places.fill(rule, reader, case.place))
    code = PREFACE + CODE[reader]
    try:
        done = hub.run_python("-c", code, REPO, *paths, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        return f"hangs ({TIME_LIMIT:.0f} s)"
    told = done.stdout.split()
    right, wrong = len(expected & set(told)), len([d for d in told if d not in expected])
    if done.returncode:
        named = re.findall(r"^(?:\w+\.)*(\w*(?:Error|Exception))\b", done.stderr, re.MULTILINE)
        cause = named[-1] if named else "an exception"
        return f"raises {cause} after {right}" + (f", {wrong} wrong" if wrong else "")
    if right == len(expected) and not wrong:
        return f"all {right}"
    return f"**silent: {len(expected) - right} missing, {wrong} wrong**"


if __name__ == "__main__":
    main()
