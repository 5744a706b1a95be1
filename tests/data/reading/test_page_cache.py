"""Bytes of the page cache, read with the lock held, are those of the file."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ggt_hf.data.reading import page_cache
from ggt_hf.data.reading.page_cache import from_disk, read_for_now

CONTENT = random.Random(0).randbytes(3_000_000)


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    file = tmp_path / "shard.tar"
    file.write_bytes(CONTENT)
    number = os.open(file, os.O_RDONLY)
    yield number
    os.close(number)


@pytest.fixture(params=["cached", "nothing cached", "half cached", "no such call"])
def page_cache_state(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a machine may find: pages are dropped from memory at times, and macOS has no preadv2."""
    ask = page_cache._read_cached()
    assert ask, "Linux has preadv2"
    answers = {
        "cached": ask,
        "nothing cached": lambda *_: -1,
        "half cached": lambda number, part, count, at, flags: ask(
            number, page_cache._Part(part.address, part.num_bytes // 2), count, at, flags
        ),
        "no such call": None,
    }
    monkeypatch.setattr(page_cache, "_read_cached", lambda: answers[request.param])


@pytest.mark.usefixtures("page_cache_state")
def test_any_range_is_the_files(descriptor: int) -> None:
    draw = random.Random(1)
    for _ in range(300):
        at, count = draw.randrange(len(CONTENT)), int(2 ** draw.uniform(0, 21))
        wanted = CONTENT[at : at + count]
        assert read_for_now(descriptor, at, count) == wanted
        assert from_disk(descriptor, at, count) == wanted


@pytest.mark.usefixtures("page_cache_state")
def test_threads_do_not_share_their_memory(descriptor: int) -> None:
    def right(seed: int) -> bool:
        draw = random.Random(seed)
        starts = [draw.randrange(2_000_000) for _ in range(300)]
        return all(
            bytes(read_for_now(descriptor, at, 200_000)) == CONTENT[at : at + 200_000]
            for at in starts
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(right, range(4)))


@pytest.mark.usefixtures("page_cache_state")
def test_a_file_that_is_no_file_is_an_error(tmp_path: Path) -> None:
    number = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(IsADirectoryError):
        read_for_now(number, 0, 10)
    os.close(number)


def test_what_lies_in_memory_is_read_with_one_call(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else nothing shows that the short way is taken at all.
    monkeypatch.delattr(os, "pread")
    assert read_for_now(descriptor, 5, 70_000) == CONTENT[5:70_005]
