"""Files of lines between stages: whole lines only, whatever happens to the writer."""

from __future__ import annotations

import resource
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ggt_hf.errors import FormatError
from ggt_hf.records import Candidate, Source
from ggt_hf.stages import (
    LineLog,
    read_candidates,
    read_rows,
    read_sources,
    record_row,
    rewrite,
    to_line,
)

CANDIDATE = Candidate(
    key="a",
    source_key="a",
    lq_path="../lq/a.jpg",
    gt_path="gt/a.png",
    degradation="rain",
    width=4,
    height=3,
    lq_sha256="0" * 64,
    gt_sha256="1" * 64,
    prompt="Remove the «rain».",
    editor_id="classical",
    editor_revision="1",
    seed=0,
    settings={"steps": 4, "sizes": [1, 2]},
    fed_width=4,
    fed_height=3,
    fed_sha256="2" * 64,
    regridded=False,
    cost=0.07,
)


def test_a_candidate_comes_back_as_it_went(tmp_path: Path) -> None:
    path = tmp_path / "candidates.jsonl"
    others = [CANDIDATE, replace(CANDIDATE, key="b", degradation=None)]
    with LineLog(path) as log:
        for candidate in others:
            log.append(record_row(candidate))
    assert read_candidates(path) == others


def test_a_source_needs_its_key_path_and_size_only(tmp_path: Path) -> None:
    path = tmp_path / "sources.jsonl"
    path.write_text('{"key":"a","path":"a.jpg","width":4,"height":3,"camera":"unknown here"}')
    assert read_sources(path) == [Source(key="a", path="a.jpg", width=4, height=3)]


@given(cut=st.integers(min_value=0, max_value=200))
def test_a_kill_costs_the_torn_line_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    rows = [{"key": f"k{index}", "text": "ä" * index} for index in range(5)]
    data = b"".join(to_line(row) for row in rows)[:cut]
    path.write_bytes(data)
    whole = data.count(b"\n")
    with LineLog(path) as log:
        log.append({"key": "next"})
    found = [row for _, row in read_rows(path)]
    assert found == [*rows[:whole], {"key": "next"}]


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    with LineLog(tmp_path / "log.jsonl") as log:
        threads = [
            threading.Thread(
                target=lambda n=number: [log.append({"n": n, "t": "x" * 5000}) for _ in range(20)]
            )
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(list(read_rows(tmp_path / "log.jsonl"))) == 80


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[1]",
        '{"key":"a"}',
        '{"key":"a","path":"a","width":1,"height":1,"degradation":"fog"}',
    ],
)
def test_a_broken_line_inside_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "sources.jsonl"
    path.write_text(f"{line}\n" + '{"key":"b","path":"b.jpg","width":4,"height":3}\n')
    with pytest.raises(FormatError, match="line 1"):
        read_sources(path)


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with LineLog(path, durable=True) as log:
        log.append({"key": "first"})
        # Writing goes no further than five bytes on, as on a disk that fills up just now.
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 5, limits[1]))
        try:
            with pytest.raises(OSError, match="too large"):
                log.append({"key": "lost"})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        log.append({"key": "again"})
    assert [row for _, row in read_rows(path)] == [{"key": "first"}, {"key": "again"}]


def test_rewriting_leaves_nothing_beside(tmp_path: Path) -> None:
    rewrite(tmp_path / "a.jsonl", [{"key": "a"}])
    rewrite(tmp_path / "a.jsonl", [{"key": "b"}])
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
    assert [row for _, row in read_rows(tmp_path / "a.jsonl")] == [{"key": "b"}]
