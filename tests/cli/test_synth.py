"""`ggt synth` as users run it: a process that can be killed, a price that must be agreed to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ggt_hf import sample
from ggt_hf.cli.app import app
from ggt_hf.restoration.embedded import embedded_revision
from ggt_hf.stages import read_candidates, read_rows
from tests.making import encoded, picture
from tests.synthesis.service import Asked, Behaviour, Service, running

ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1"}


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "ggt_hf", "synth", *map(str, words)]


def ggt(*words: object, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words), capture_output=True, text=True, env=ENVIRONMENT | more, timeout=120,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos" / "haze"
    folder.mkdir(parents=True)
    for index in range(8):
        (folder / f"p{index}.png").write_bytes(encoded(picture(index, 96, 64)))
    return folder.parent


def test_works_without_a_model_and_a_network(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = ggt(photos, out, "--editor", "classical", "--json", "--limit", 3)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["num_made"], said["num_failed"], said["spent"]) == (3, 0, 0)
    assert len(read_candidates(out / "candidates.jsonl")) == 3


def test_the_category_is_that_of_a_folder_or_its_lack_is_told(photos: Path, tmp_path: Path) -> None:
    done = ggt(photos / "haze", tmp_path / "out", "--editor", "classical", "--limit", 1)
    assert "category" not in done.stderr
    assert read_candidates(tmp_path / "out/candidates.jsonl")[0].degradation == "haze"
    (photos / "haze").rename(photos / "mine")
    done = ggt(photos / "mine", tmp_path / "bare", "--editor", "classical", "--limit", 2)
    assert "2 have no category" in done.stderr


def test_the_embedded_restorer_is_an_editor(tmp_path: Path) -> None:
    out = tmp_path / "out"
    hazy = sample.ROOT / "pairs" / "test" / "haze" / "lq"  # it leaves toy pictures as they are
    done = ggt(hazy, out, "--editor", "embedded", "--limit", 1, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    (made,) = read_candidates(out / "candidates.jsonl")
    assert (made.editor_id, made.editor_revision) == (
        "ggt-hf/embedded-restorer",
        embedded_revision(),
    )


def test_a_failure_is_told_with_its_reason_and_the_next_step(photos: Path, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    for index in range(7):
        levels = picture(index, 96, 64) // 2
        (outputs / f"haze-p{index}.png").write_bytes(encoded(levels))
    done = ggt(photos, tmp_path / "out", "--editor", f"replay:{outputs}")
    assert done.returncode == 1
    assert "7 made" in done.stdout
    assert "haze-p7: error: There is no output for haze-p7" in done.stderr
    assert "next:" in done.stderr


def test_money_needs_a_cap_and_consent(photos: Path, tmp_path: Path) -> None:
    with running() as service:
        out = tmp_path / "out"
        words = (photos, out, "--editor", "nano-banana-2")
        refused = ggt(*words, **service.environment)
        assert refused.returncode == 1
        assert "--max-cost" in refused.stderr
        unasked = ggt(*words, GGT_MAX_COST="2", **service.environment)
        assert unasked.returncode == 1
        assert "--yes" in unasked.stderr
        quoted = ggt(*words, "--max-cost", 2, "--dry-run", "--json", **service.environment)
        said = json.loads(quoted.stdout)
        assert (said["num_calls"], said["price"], said["least"]) == (8, 0.07, 0.56)
        assert not service.asked
        assert not out.exists()
        agreed = ggt(*words, "--max-cost", 0.15, "--yes", **service.environment)
        assert agreed.returncode == 1
        assert "0.14 of 0.15 USD are spent" in agreed.stderr
        assert sum(service.paid.values()) == 2


def test_a_dry_run_says_what_more_photographs_cost(photos: Path, tmp_path: Path) -> None:
    words = ("--editor", "nano-banana-2", "--max-cost", 50, "--dry-run", "--accepted", 0.5)
    done = ggt(photos, tmp_path / "out", *words, GEMINI_API_KEY="k")
    assert "0.07 USD an answer, 1 to 2 answers an image, 50% accepted (assumed)" in done.stdout
    assert "100,000 to 200,000  7,000.00 to 14,000.00  50,000    0.140 to 0.280" in done.stdout
    free = ggt(photos, tmp_path / "out", "--editor", "classical", "--dry-run", "--seconds", 3.6)
    assert "100.0" in free.stdout and "USD" not in free.stdout
    assert not (tmp_path / "out").exists()


def test_a_dry_run_says_what_is_not_installed(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["synth", str(photos), str(tmp_path / "out"), "--editor", "nano-banana-2"]
    words += ["--max-cost", "1", "--dry-run"]
    assert "pip install" not in CliRunner().invoke(app, words).stderr
    monkeypatch.setitem(sys.modules, "google.genai", None)
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0 and "Nothing was touched." in done.stdout
    assert "pip install 'ggt-hf[gemini]'" in done.stderr


def injected(asked: Asked, number: int) -> str:
    """Every fourth request meets a busy or broken service; nothing is carried out then."""
    return {1: "429", 3: "500"}.get(number % 5, "image")


def test_kills_and_failures_change_nothing_and_nothing_is_paid_twice(
    photos: Path, tmp_path: Path
) -> None:
    with running() as calm:
        done = ggt(
            photos, tmp_path / "calm", "--editor", "nano-banana-2", "--max-cost", 2, "--yes",
            **calm.environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    with running() as service:
        service.script, service.seconds = injected, 0.15
        out = tmp_path / "out"
        words = (
            *(photos, out, "--editor", "nano-banana-2", "--max-cost", 2, "--yes"),
            *("--num-workers", 2, "--retry-unknown"),
        )
        for num_requests in (3, 8):
            _run_and_kill(words, service, num_requests)
        last = ggt(*words, **service.environment)
        assert last.returncode == 0, last.stderr
        _check_ledger(out, service)
    for name in ("candidates.jsonl", *(f"gt/haze-p{i}.png" for i in range(8))):
        assert (out / name).read_bytes() == (tmp_path / "calm" / name).read_bytes()


def _run_and_kill(words: tuple[object, ...], service: Service, num_requests: int) -> None:
    process = subprocess.Popen(
        command(*words), env=ENVIRONMENT | service.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 200
    while len(service.asked) < num_requests and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    service.await_rest()


def _check_ledger(out: Path, service: Service) -> None:
    """Each answer is paid once; more only where a kill took one on its way, and then it is told."""
    rows = [row for _, row in read_rows(out / "ledger" / "calls.jsonl")]
    num = {
        event: sum(row["event"] == event for row in rows)
        for event in ("intent", "end", "withdrawn")
    }
    num_unknown = num["intent"] - num["end"] - num["withdrawn"]
    assert num["end"] == 8
    assert 0 <= num_unknown <= 4
    assert 8 <= sum(service.paid.values()) <= 8 + num_unknown
    assert len(service.paid) == 8
    ended = [row["call"] for row in rows if row["event"] == "end"]
    assert len(set(ended)) == 8


def test_ctrl_c_keeps_what_is_under_way(photos: Path, tmp_path: Path) -> None:
    with running() as service:
        stopped = threading.Event()
        service.seconds = 0.3

        def answered(asked: Asked, number: int) -> Behaviour:
            if number >= 2:
                stopped.wait(200)
            return "image"

        service.script = answered
        out = tmp_path / "out"
        words = (photos, out, "--editor", "nano-banana-2", "--max-cost", 2, "--yes")
        process = subprocess.Popen(
            command(*words, "--num-workers", 2), env=ENVIRONMENT | service.environment,
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            # A shell that runs the tests in the background has them ignore Ctrl-C.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        while len(service.asked) < 3 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        stopped.set()
        _, said = process.communicate(timeout=200)
        assert process.returncode == 130, said
        assert "goes on from here" in said
        made = read_candidates(out / "candidates.jsonl")
        assert len(made) == sum(service.paid.values()) == len(service.asked) < 8


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--editor", "photoshop"], "no editor 'photoshop'"),
        (["--editor", "replay:"], "says nothing after replay:"),
        (["--editor", "replay:/nowhere"], "no picture in /nowhere"),
        (["--editor", "classical", "--category", "fog"], "no category 'fog'"),
        (["--editor", "classical", "--prompts", "none.jsonl"], "no file of prompts"),
        (["--editor", "classical", "--candidates", "2"], "whatever the seed"),
        (["--editor", "classical", "--set", "x"], "NAME=VALUE"),
        (["--editor", "embedded", "--set", "x=1"], "no settings"),
        (["--editor", "gpt-image-2", "--max-cost", "1"], "Nobody said what an answer"),
        (["--editor", "nano-banana-2", "--max-cost", "nan"], "no amount of US dollars"),
        (["--editor", "org/none"], "cannot be fetched"),
    ],
)
def test_what_cannot_be_meant_is_said_in_two_lines(
    photos: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    from typer.testing import CliRunner

    from ggt_hf.cli.app import app
    from ggt_hf.errors import GgtError

    ended = CliRunner().invoke(app, ["synth", str(photos), str(tmp_path / "out"), *words])
    assert isinstance(ended.exception, GgtError)
    assert said in ended.exception.message
    assert not (tmp_path / "out").exists()


def test_a_provider_out_of_reach_is_not_paid(photos: Path, tmp_path: Path) -> None:
    words = ("--editor", "hf:http://127.0.0.1:9", "--price", 0.01, "--max-cost", 1, "--yes")
    done = ggt(photos, tmp_path / "out", *words)
    assert done.returncode == 1
    assert "offline" in done.stderr
    assert not list(read_rows(tmp_path / "out" / "candidates.jsonl"))
    rows = [row["event"] for _, row in read_rows(tmp_path / "out" / "ledger" / "calls.jsonl")]
    assert rows.count("intent") == rows.count("withdrawn")


def test_photographs_that_are_none_are_named_and_the_others_made(
    photos: Path, tmp_path: Path
) -> None:
    (photos / "haze" / "notes.jpg").write_bytes(b"not a picture")
    done = ggt(photos, tmp_path / "out", "--editor", "classical")
    assert done.returncode == 1
    assert "8 made" in done.stdout
    assert "haze/notes.jpg" in done.stderr
    assert "remove the photographs named above" in done.stderr


def test_a_photograph_without_a_prompt_holds_nobody_up(photos: Path, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    rows = [{"key": f"haze-p{index}", "text": "Make it clear."} for index in range(7)]
    prompts.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    done = ggt(photos, tmp_path / "out", "--editor", "classical", "--prompts", prompts)
    assert done.returncode == 1
    assert "7 made" in done.stdout and "has no prompt for haze-p7" in done.stderr
    prompts.write_text(json.dumps({"key": "another", "text": "Make it clear."}) + "\n")
    done = ggt(photos, tmp_path / "none", "--editor", "classical", "--prompts", prompts)
    assert "next: Run ggt prompt" in done.stderr and not (tmp_path / "none").exists()
