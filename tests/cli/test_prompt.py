"""``ggt prompt`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ggt_hf.records import DEGRADATIONS, Prompt
from ggt_hf.synthesis.prompt_file import read_prompts
from tests.cli.running import ggt
from tests.halting import killed_after
from tests.making import encoded, picture
from tests.vlm.conftest import ChatServer, completion, server

__all__ = ["server"]

SEEN = {
    "category": "snow",
    "degradations": [{"name": "snow_flakes", "severity": 3, "place": "everywhere"}],
    "scene": "A bridge",
    "preserve": {"text": ["OSLO"], "faces": [], "signs": [], "counts": []},
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for index in range(3):
        (folder / f"{index}.png").write_bytes(encoded(picture(index)))
    (folder / "more" / "3.JPG").write_bytes(encoded(picture(3), "JPEG"))
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_one_picture_is_printed(photos: Path) -> None:
    done = ggt("prompt", photos / "0.png", "--model", "rules")
    assert done.returncode == 0, done.stderr
    path, first, *_ = done.stdout.splitlines()
    assert path == str(photos / "0.png") and first.startswith("Restore this ")
    assert done.stderr == ""


def test_without_a_model_the_embedded_one_observes(photos: Path, tmp_path: Path) -> None:
    done = ggt("prompt", photos, "--json", GGT_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert {row["prompt"]["vlm_id"] for row in rows} == {"ggt-hf/embedded-prompter"}
    assert all(row["prompt"]["observation"]["category"] in DEGRADATIONS for row in rows)


def test_a_folder_as_json(photos: Path) -> None:
    done = ggt("prompt", photos, "--model", "rules", "--json", "--limit", "3")
    rows = json.loads(done.stdout)
    assert [Path(row["path"]).name for row in rows] == ["0.png", "1.png", "2.png"]
    assert {row["prompt"]["vlm_id"] for row in rows} == {"rules"}


def test_a_file_is_continued_not_repeated(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "prompts.jsonl"
    run = ("prompt", photos, "--model", "rules", "--out", out, "--json")
    first = json.loads(ggt(*run, "--limit", 2).stdout)
    assert first == {"prompts": 2, "skipped": 0, "failed": 0, "out": str(out)}
    kept = out.read_bytes()
    out.write_bytes(kept + b'{"path": "cut o')
    second = json.loads(ggt(*run).stdout)
    assert (second["prompts"], second["skipped"]) == (2, 2)
    assert out.read_bytes().startswith(kept)
    prompts = read_prompts(out)
    assert {Path(path).name for path in prompts} == {"0.png", "1.png", "2.png", "3.JPG"}
    assert all(isinstance(prompt, Prompt) and prompt.observation for prompt in prompts.values())


def test_bad_pictures_are_left_out_and_tried_again(photos: Path, tmp_path: Path) -> None:
    (photos / "cut.jpg").write_bytes(encoded(picture(4, 300, 200), "JPEG")[:900])
    (photos / "empty.png").touch()
    out = tmp_path / "prompts.jsonl"
    run = ("prompt", photos, "--model", "rules", "--out", out)
    done = ggt(*run)
    assert done.returncode == 1
    assert "4 prompts, 0 skipped, 2 failed" in done.stdout
    assert "cut.jpg" in done.stderr and "empty.png is empty" in done.stderr
    (photos / "cut.jpg").write_bytes(encoded(picture(4), "JPEG"))
    (photos / "empty.png").unlink()
    done = ggt(*run)
    assert done.returncode == 0
    assert "1 prompts, 4 skipped, 0 failed" in done.stdout


def test_killed_at_any_moment_it_ends_as_if_undisturbed(photos: Path, tmp_path: Path) -> None:
    for index in range(4, 40):
        (photos / f"{index}.png").write_bytes(encoded(picture(index, 200, 200)))
    out, whole = tmp_path / "killed.jsonl", tmp_path / "whole.jsonl"
    run = ["prompt", photos, "--model", "rules", "--batch-size", 2, "--quiet", "--num-workers", 1]
    parts = tmp_path / ".killed.jsonl.parts"
    for lines, in_all in ((4, 4), (15, 19)):
        killed_after("ggt_hf.stages:LineLog.append", lines, *map(str, run), "--out", out)
        assert not out.exists()
        assert sum(path.read_bytes().count(b"\n") for path in parts.glob("*.jsonl")) == in_all
    assert ggt(*run, "--out", out).returncode == 0
    assert ggt(*run, "--out", whole).returncode == 0
    assert out.read_bytes() == whole.read_bytes()


def test_fixed_prompts_need_no_model(photos: Path) -> None:
    done = ggt("prompt", photos, "--strategy", "fixed", "--category", "rain", "--json")
    texts = {row["prompt"]["text"] for row in json.loads(done.stdout)}
    assert len(texts) == 1 and "rain streaks" in texts.pop()


def test_an_endpoint(photos: Path, tmp_path: Path, server: ChatServer) -> None:
    """Pictures are paid once: the second run, into another file, finds the answers kept."""
    server.script = [completion(json.dumps(SEEN))]
    env = {"GGT_CACHE": str(tmp_path / "cache"), "OPENAI_API_KEY": "sk-1"}
    run = ("prompt", photos, "--endpoint", server.url, "--model", "seer-1", "--json")
    done = ggt(*run, **env)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert all("OSLO" in row["prompt"]["text"] for row in rows)
    assert {row["prompt"]["vlm_revision"] for row in rows} == {"fp_44"}
    assert len(server.requests) == 4
    assert json.loads(ggt(*run, **env).stdout) == rows
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing-here"], "There is no nothing-here."),
        (["{photos}", "--category", "rain"], "finds the category itself"),
        (["{photos}", "--strategy", "fixed", "--category", "fog"], "no category 'fog'"),
        (["{photos}", "--model", "rules", "--template", "none.j2"], "no readable template"),
        (["{photos}/more/..", "--model", "rules", "--out", "{photos}/notes.txt"], "line 1"),
        (["{photos}", "--endpoint", "localhost:1", "--model", "seer-1"], "no address"),
        (["{photos}", "--endpoint", "http://localhost:1"], "--model NAME"),
    ],
)
def test_mistakes_are_explained(photos: Path, arguments: list[str], words: str) -> None:
    done = ggt("prompt", *(part.format(photos=photos) for part in arguments))
    assert done.returncode == 1
    assert words in done.stderr and "next: " in done.stderr
    assert "Traceback" not in done.stderr
    assert (photos / "notes.txt").read_text() == "no picture"
