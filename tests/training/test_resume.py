"""A run that is killed anywhere ends with the weights of one that was not, to the last bit."""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from pathlib import Path

import pytest

from ggt_hf.data.streaming.stream import State
from ggt_hf.errors import FormatError, UsageError
from ggt_hf.training.recipe import Recipe
from ggt_hf.training.record import RunRecord
from ggt_hf.training.train import train
from tests.training.runs import assert_same, recipe_of, sit, sit_short_of_the_end, state_of

STEPS = 24
KILLS = 5
SLOW_TO_IMPORT = [
    "accelerate", "cv2", "diffusers.training_utils", "ggt_hf.data.loading.load",
    "ggt_hf.restoration.pipelines.one_step", "ggt_hf.training.loop", "pyarrow.parquet",
    "torch._dynamo",
]  # fmt: skip


@pytest.fixture(scope="module")
def forkserver() -> multiprocessing.context.ForkServerContext:
    """Real processes, forked from one that has imported torch once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.runs", *SLOW_TO_IMPORT])
    return context


def steps_said(out: Path) -> int:
    log = out / "log.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    return max((json.loads(line)["step"] for line in lines if line.endswith("}")), default=0)


def place_of(data: State) -> tuple[int | str, ...]:
    """Where the stream stands: a resumed one counts its rounds from where it was resumed."""
    read = int(data["rounds"]) * int(data["batch_size"]) * int(data["world_size"])
    return data["source"], data["epoch"], int(data["origin"]) + read


def losses_of(out: Path) -> list[tuple[int, float]]:
    rows = map(json.loads, (out / "log.jsonl").read_text().splitlines())
    return [(row["step"], row["loss"]) for row in rows]


def kill_after(
    context: multiprocessing.context.ForkServerContext, recipe: Recipe, out: Path, step: int
) -> None:
    """Start a sitting, and kill it -9 once it has said `step`; the log may run ahead of it."""
    process = context.Process(target=sit_short_of_the_end, args=(recipe, out))
    process.start()
    deadline = time.monotonic() + 200
    while steps_said(out) < step:
        assert process.is_alive(), "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.003)
    process.kill()
    process.join()
    assert process.exitcode == -9


def test_killed_at_five_random_steps_it_ends_with_the_same_weights(
    tmp_path: Path, forkserver: multiprocessing.context.ForkServerContext
) -> None:
    recipe = recipe_of(tmp_path, steps=STEPS, checkpoint_every=3, validation=None)
    undisturbed = forkserver.Process(target=sit, args=(recipe, tmp_path / "undisturbed"))
    undisturbed.start()
    kills = sorted(random.sample(range(1, STEPS - 1), KILLS))
    for step in kills:
        kill_after(forkserver, recipe, tmp_path / "killed", step)
    last = forkserver.Process(target=sit, args=(recipe, tmp_path / "killed"))
    last.start()
    for process in (undisturbed, last):
        process.join()
        assert process.exitcode == 0, kills
    states = [state_of(tmp_path / name) for name in ("undisturbed", "killed")]
    for part in ("step", "weights", "average", "optimizer"):
        assert_same(*(getattr(state, part) for state in states), f"{part} after {kills}")
    assert place_of(states[0].data) == place_of(states[1].data), kills
    weights = "model/restorer/diffusion_pytorch_model.safetensors"
    assert (tmp_path / "killed" / weights).read_bytes() == (
        tmp_path / "undisturbed" / weights
    ).read_bytes()
    losses = [losses_of(tmp_path / name) for name in ("undisturbed", "killed")]
    assert losses[0] == losses[1]
    assert [step for step, _ in losses[0]] == list(range(1, STEPS + 1))
    # A kill before the first checkpoint leaves nothing that a sitting could be counted in.
    assert 1 <= RunRecord.read(tmp_path / "killed").sittings <= KILLS + 1


def test_accumulation_in_bfloat16_resumes_exactly_too(tmp_path: Path) -> None:
    changes = {"accumulate": 2, "precision": "bfloat16", "checkpoint_every": 3}
    train(recipe_of(tmp_path, steps=6, **changes), tmp_path / "whole", device="cpu", quiet=True)
    recipe = recipe_of(tmp_path, steps=6, **changes)
    with pytest.raises(KeyboardInterrupt):
        _stopped_after(recipe, tmp_path / "halves", 4)
    assert state_of(tmp_path / "halves").step == 3
    record = train(recipe, tmp_path / "halves", device="cpu", quiet=True)
    assert record.sittings == 2
    assert record.pairs == 6 * 2 * 4
    states = [state_of(tmp_path / name) for name in ("whole", "halves")]
    assert_same(states[0].weights, states[1].weights)


def _stopped_after(recipe: Recipe, out: Path, step: int) -> None:
    """Train, and press Ctrl-C in the middle of a step."""
    from ggt_hf.training.loop import Loop

    update = Loop._update

    def interrupted(self: Loop, batches: object) -> object:
        if self.step == step:
            raise KeyboardInterrupt
        return update(self, batches)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loop, "_update", interrupted)
        train(recipe, out, device="cpu", quiet=True)


def test_a_finished_run_trains_no_more(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, steps=2)
    first = train(recipe, tmp_path / "run", device="cpu", quiet=True)
    before = state_of(tmp_path / "run")
    again = train(recipe, tmp_path / "run", device="cpu", quiet=True)
    assert again.pairs == first.pairs
    assert again.validations == first.validations
    assert_same(state_of(tmp_path / "run").weights, before.weights)


def test_more_steps_go_on_from_where_it_stands(tmp_path: Path) -> None:
    train(recipe_of(tmp_path, steps=2), tmp_path / "run", device="cpu", quiet=True)
    record = train(recipe_of(tmp_path), tmp_path / "run", device="cpu", steps=4, quiet=True)
    assert record.steps == 4
    assert record.recipe["steps"] == 4


def test_another_recipe_is_refused_and_named(tmp_path: Path) -> None:
    train(recipe_of(tmp_path, steps=2), tmp_path / "run", device="cpu", quiet=True)
    told = (tmp_path / "run" / "recipe.yaml").read_text()
    with pytest.raises(UsageError, match="optimizer changed") as caught:
        train(
            recipe_of(tmp_path, optimizer={"rate": 1e-5}),
            tmp_path / "run",
            device="cpu",
            quiet=True,
        )
    assert "--no-resume" in caught.value.hint
    assert (tmp_path / "run" / "recipe.yaml").read_text() == told


def test_no_resume_begins_anew(tmp_path: Path) -> None:
    train(recipe_of(tmp_path, steps=2), tmp_path / "run", device="cpu", quiet=True)
    other = recipe_of(tmp_path, steps=2, optimizer={"rate": 1e-5})
    record = train(other, tmp_path / "run", device="cpu", resume=False, quiet=True)
    assert record.sittings == 1
    assert len(record.validations) == 2


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, steps=2)
    train(recipe, tmp_path / "run", device="cpu", quiet=True)
    path = tmp_path / "run" / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(FormatError, match=r"checkpoint\.pt is no checkpoint"):
        train(recipe, tmp_path / "run", device="cpu", quiet=True)


def test_somebody_else_s_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "novel.txt").write_text("chapter one")
    for resume in (True, False):
        with pytest.raises(UsageError, match="something else"):
            train(recipe_of(tmp_path), tmp_path / "mine", device="cpu", resume=resume, quiet=True)
    assert (tmp_path / "mine" / "novel.txt").read_text() == "chapter one"
