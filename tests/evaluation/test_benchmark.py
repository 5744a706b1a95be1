"""Runs of benchmarks: what is scored, what is kept, and what survives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ggt_hf.errors import FormatError, ModelError, UsageError
from ggt_hf.evaluation.benchmark import run_benchmark
from ggt_hf.evaluation.restorers import Input, Replay
from ggt_hf.evaluation.run import RUN, Settings, ShareDoneError
from ggt_hf.evaluation.scores import FILE, read_scores
from ggt_hf.evaluation.task import task_of
from ggt_hf.images import decode
from ggt_hf.metrics.fidelity import Fidelity
from tests.evaluation.folders import SIZE, Brighter, calls, darker, make_pairs, make_pictures
from tests.making import encoded, make_dataset, make_pair, picture

QUIET = Settings(metrics=("psnr", "ssim"), quiet=True, num_workers=1)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return make_pairs(tmp_path / "pairs")


def run(restorers, where, out, settings=QUIET, **more):
    tasks = [task_of(str(one)) for one in (where if isinstance(where, list) else [where])]
    return run_benchmark(restorers, tasks, out, settings, **more)


def numbers(report):
    return {(r.task, r.restorer, r.key): dict(r.scores) for r in report.scores.rows}


def test_each_picture_has_the_scores_that_a_hand_would_compute(pairs, tmp_path):
    report = run([Input(), Brighter()], pairs, tmp_path / "out")
    assert len(report.scores.rows) == 12 and not report.failures
    for row in report.scores.of("pairs", "brighter"):
        number = int(row.key[-1])
        gt = picture(number, *SIZE)
        made = np.clip(darker(gt).astype(int) + 40, 0, 255).astype(np.uint8)
        found = Fidelity(made, gt)
        assert row.scores == {"psnr": found.psnr(), "ssim": found.ssim()}
        assert (row.width, row.height, row.category) == (*SIZE, ("rain", "haze")[number % 2])
        assert row.restore_seconds >= 0 and row.score_seconds > 0


def test_scores_are_the_same_whatever_the_workers_the_runs_and_the_other_restorers(pairs, tmp_path):
    alone = numbers(run([Brighter()], pairs, tmp_path / "a"))
    again = numbers(run([Brighter()], pairs, tmp_path / "b"))
    several = replace(QUIET, num_workers=2, metrics=("ssim", "psnr_y", "psnr"))
    beside = numbers(run([Input(), Brighter()], pairs, tmp_path / "c", several))
    assert alone == again
    for place, scores in alone.items():
        assert {name: beside[place][name] for name in scores} == scores


def test_done_is_not_done_again_and_new_metrics_do_not_restore_anew(pairs, tmp_path):
    log, out = tmp_path / "log", tmp_path / "out"
    restorer = Brighter(log=log)
    first = run([restorer], pairs, out)
    assert (calls(log), first.num_reused) == (6, 0)
    assert run([restorer], pairs, out).num_reused == 6
    other = run([restorer], pairs, out, replace(QUIET, metrics=("psnr_y",)))
    assert (calls(log), other.num_reused) == (6, 0)
    run([Brighter(log=log, by=41)], pairs, out)
    assert calls(log) == 12
    (pairs / "rain/LQ/p0.png").write_bytes(encoded(picture(77, *SIZE)))
    run([Brighter(log=log, by=41)], pairs, out)
    assert calls(log) == 13


def test_a_damaged_kept_picture_is_made_again(pairs, tmp_path):
    log, out = tmp_path / "log", tmp_path / "out"
    run([Brighter(log=log)], pairs, out)
    kept = sorted((out / "pairs/brighter/pictures").glob("*.png"))
    assert len(kept) == 6
    kept[0].write_bytes(kept[0].read_bytes()[:-40])
    kept[1].write_bytes(encoded(picture(1, *SIZE)))  # somebody else's
    run([Brighter(log=log)], pairs, out, replace(QUIET, metrics=("psnr_y",)))
    assert calls(log) == 8


def test_seeds_belong_to_pictures_and_change_with_the_run(pairs, tmp_path):
    rows = run([Brighter()], pairs, tmp_path / "a").scores.rows
    assert len({row.seed for row in rows}) == 6
    same = run([Brighter(name="x")], pairs, tmp_path / "b").scores.rows
    assert [row.seed for row in same] == [row.seed for row in rows]
    other = run([Brighter()], pairs, tmp_path / "c", replace(QUIET, seed=1)).scores.rows
    assert not {row.seed for row in rows} & {row.seed for row in other}


def test_a_picture_that_fails_is_named_and_the_others_are_scored(pairs, tmp_path):
    report = run([Brighter(fails_on=2)], pairs, tmp_path / "out")
    (failure,) = report.failures
    assert failure.error == "RuntimeError: it broke" and failure.key.endswith("p2")
    assert len(report.scores.rows) == 5
    assert len(run([Brighter()], pairs, tmp_path / "out").scores.rows) == 6  # mended


def test_outputs_made_elsewhere_are_found_by_name_and_scored_in_place(pairs, tmp_path):
    outputs = tmp_path / "theirs"
    for number in range(6):
        folder = outputs / ("rain", "haze")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"p{number}_restored.png").write_bytes(encoded(picture(number, *SIZE)))
    report = run([Replay(name="theirs", folder=outputs)], pairs, tmp_path / "out")
    assert all(row.scores == {"psnr": 100.0, "ssim": 1.0} for row in report.scores.rows)
    assert not (tmp_path / "out/pairs/theirs/pictures").exists()
    (outputs / "rain/p0_restored.png").unlink()
    report = run([Replay(name="less", folder=outputs)], pairs, tmp_path / "out")
    assert "no output for" in report.failures[0].error


def test_outputs_of_another_size_are_refused_not_resized(pairs, tmp_path):
    outputs = make_pairs(tmp_path / "theirs")
    for path in outputs.rglob("*.png"):
        path.write_bytes(encoded(picture(0, 24, 20)))
    for folder in ("rain/GT", "haze/GT"):
        for path in (outputs / folder).glob("*"):
            path.unlink()
    with pytest.raises(UsageError, match="24x20 pixels, its reference 48x40"):
        run([Replay(name="small", folder=outputs)], pairs, tmp_path / "out")


class Half(Brighter):
    """Drops every other row; of the module, so that it could travel to a worker."""

    def _run(self, pixels, seed):
        return pixels[::2]


def test_a_restorer_that_changes_the_size_is_named(pairs, tmp_path):
    report = run([Input(), Half(name="half")], pairs, tmp_path / "out")
    assert len(report.failures) == 6
    assert "half was given uint8 (40, 48, 3)" in report.failures[0].error


def test_sizes_are_cropped_as_the_task_says(pairs, tmp_path):
    task = replace(task_of(str(pairs)), multiple=32)
    report = run_benchmark([Input(), Brighter()], [task], tmp_path / "out", QUIET)
    assert {(row.width, row.height) for row in report.scores.rows} == {(32, 32)}
    gt = picture(0, *SIZE)[:32, :32]
    row = next(r for r in report.scores.of("pairs", "input") if r.key.endswith("p0"))
    assert row.scores["psnr"] == Fidelity(darker(gt), np.ascontiguousarray(gt)).psnr()


def test_clean_pictures_are_degraded_here_and_alike_for_all(tmp_path):
    clean = make_pictures(tmp_path / "clean", 6)
    task = replace(task_of(str(clean)), simulate=True)
    report = run_benchmark([Input(), Brighter(by=0)], [task], tmp_path / "out", QUIET)
    both = [report.scores.of("clean", name) for name in ("input", "brighter")]
    assert [r.output_sha256 for r in both[0]] == [r.output_sha256 for r in both[1]]
    assert len({row.category for row in both[0]}) == 6
    assert all(row.scores["psnr"] < 60 for row in both[0])


def test_pictures_alone_need_metrics_without_a_reference(tmp_path):
    with pytest.raises(UsageError, match=r"no ground truth.*psnr, ssim"):
        run([Input()], make_pictures(tmp_path / "alone"), tmp_path / "out")


def test_a_dataset_is_a_task_and_its_test_split_is_taken(tmp_path):
    made = [make_pair(i, "rain", "train") for i in range(3)]
    made += [make_pair(i, "snow", "test") for i in range(2)]
    (tmp_path / "set").mkdir()
    where = make_dataset(tmp_path / "set", made)
    report = run([Input()], where, tmp_path / "out", replace(QUIET, num_workers=2))
    assert [row.category for row in report.scores.rows] == ["snow", "snow"]


def test_the_limit_draws_the_same_pictures_for_everybody(pairs, tmp_path):
    few = replace(QUIET, limit=3)
    rows = run([Input(), Brighter()], pairs, tmp_path / "out", few).scores
    assert [r.key for r in rows.of("pairs", "input")] == [
        r.key for r in rows.of("pairs", "brighter")
    ]
    assert len(rows.rows) == 6


def test_the_parquet_file_holds_all_of_it(pairs, tmp_path):
    report = run([Input(), Brighter()], pairs, tmp_path / "out", against="input")
    assert read_scores(tmp_path / "out" / FILE) == report.scores
    table = pq.read_table(tmp_path / "out" / FILE)
    assert {"key", "seed", "restore_seconds", "fingerprint", "psnr"} <= set(table.column_names)
    stands_for = report.scores.fingerprints[report.scores.rows[0].fingerprint]
    assert stands_for["decoder"].startswith("Pillow ")
    assert stands_for["metrics"]["psnr"]["code"] == "ggt_hf.metrics 1"
    assert (tmp_path / "out" / RUN).exists()
    (tmp_path / "out" / FILE).write_bytes(b"no parquet")
    with pytest.raises(FormatError, match="holds no scores"):
        read_scores(tmp_path / "out" / FILE)


def test_comparisons_are_paired_and_say_which_is_better(tmp_path):
    pairs = make_pairs(tmp_path / "pairs", 10)
    report = run([Input(), Brighter(by=10)], pairs, tmp_path / "out", against="input")
    (found,) = [d for d in report.summary.differences if (d.category, d.metric) == ("all", "psnr")]
    keys = [r.key for r in report.scores.of("pairs", "input")]
    by_key = {(r.restorer, r.key): r.scores["psnr"] for r in report.scores.rows}
    apart = [by_key["brighter", key] - by_key["input", key] for key in keys]
    assert found.value.mean == pytest.approx(np.mean(apart))
    assert (found.better, found.says) == (1.0, "better")
    assert found.value.low <= found.value.mean <= found.value.high
    each = {d.category: d.says for d in report.summary.differences if d.metric == "psnr"}
    assert each == {"all": "better", "rain": "open", "haze": "open"}  # five pictures decide nothing


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"restorers": [Input(), Input()]}, "Two restorers are called input"),
        ({"against": "nobody"}, "No restorer of this run is called nobody"),
        ({"settings": replace(QUIET, metrics=("nonsense",))}, "no metric 'nonsense'"),
    ],
)
def test_what_cannot_be_meant_is_refused(pairs, tmp_path, change, says):
    wanted = {"restorers": [Input()], "where": pairs, "out": tmp_path / "out"} | change
    with pytest.raises(UsageError, match=says):
        run(**wanted)


def test_two_tasks_need_two_names(pairs, tmp_path):
    with pytest.raises(UsageError, match="Two tasks are called pairs"):
        run([Input()], [pairs, pairs], tmp_path / "out")


def test_an_unsound_metric_stops_the_run_before_anything_is_restored(pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(Fidelity, "psnr", lambda self: 1.0)
    log = tmp_path / "log"
    with pytest.raises(ModelError, match="not to be trusted"):
        run([Brighter(log=log)], pairs, tmp_path / "out")
    assert calls(log) == 0


def test_restorers_are_found_by_what_they_are_called(tmp_path, pairs):
    from ggt_hf.evaluation.restorers import restorer_of
    from ggt_hf.restoration.methods import Model, method_of

    assert restorer_of("input", method_of) == Input()
    assert restorer_of(f"theirs={pairs}", method_of) == Replay(name="theirs", folder=pairs)
    assert restorer_of("embedded", method_of) == Model(name="embedded", place="embedded")
    found = restorer_of("mine=ORG/NAME@v1", method_of)
    assert found == Model(name="mine", place="ORG/NAME", revision="v1")
    (tmp_path / "model").mkdir()
    (tmp_path / "model/model_index.json").write_text("{}")
    assert restorer_of(str(tmp_path / "model"), method_of).name == "model"
    with pytest.raises(UsageError, match=r"There is no restorer '\./x'"):
        restorer_of("./x", method_of)


def test_each_file_is_read_and_decoded_once(pairs, tmp_path, monkeypatch):
    """However many metrics look at it; counted where every reading and decoding goes through."""
    from ggt_hf.data.building.sources.blobs import FileBlob
    from ggt_hf.evaluation import work

    read, decoded = [], []
    whole = FileBlob.read
    monkeypatch.setattr(FileBlob, "read", lambda self: read.append(self.path) or whole(self))
    monkeypatch.setattr(
        work, "decode", lambda data, name: decoded.append(name) or decode(data, name)
    )
    report = run([Input()], pairs, tmp_path / "out", replace(QUIET, metrics=("psnr", "ssim")))
    assert len(report.scores.rows) == 6
    assert len(read) == len(set(read)) == len(decoded) == len(set(decoded)) == 12


def test_an_array_gives_the_scores_of_one_machine(pairs, tmp_path, monkeypatch):
    """Its tasks one after the other, with Slurm's variables: no scheduler runs where tests run."""
    log = tmp_path / "log"
    plain = run([Input(), Brighter()], pairs, tmp_path / "plain", against="input")
    array = replace(QUIET, engine="slurm")
    for index in range(3):
        for name, value in {"ID": index, "MIN": 0, "MAX": 2, "COUNT": 3}.items():
            monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))
        with pytest.raises(ShareDoneError, match="4 scores; 0 pictures failed"):
            run([Input(), Brighter(log=log)], pairs, tmp_path / "out", array, against="input")
        assert not (tmp_path / "out" / RUN).exists()
    assert calls(log) == 6
    summed = run([Input(), Brighter(log=log)], pairs, tmp_path / "out", against="input")
    assert calls(log) == 6 and summed.num_reused == 12
    assert numbers(summed) == numbers(plain)
    assert summed.summary == plain.summary
