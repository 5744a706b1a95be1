from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ggt_hf.errors import UsageError
from ggt_hf.restoration.export import export_pipeline
from ggt_hf.restoration.loading import load_restorer
from ggt_hf.restoration.pipelines.one_step import OneStepRestorationPipeline
from tests.hub_server.loopback import Hub, Mode
from tests.making import picture
from tests.restoration.restorers import tiny_pipeline

REPO = "ggt/restorer"

WITHOUT_OURS = """
import sys
sys.modules["ggt_hf"] = None  # importing it fails, as where it is not installed
import numpy as np
from diffusers import DiffusionPipeline
try:
    DiffusionPipeline.from_pretrained(sys.argv[1])
except ValueError as error:
    assert "trust_remote_code" in str(error), error
else:
    raise SystemExit("the code ran without trust")
pipeline = DiffusionPipeline.from_pretrained(sys.argv[1], trust_remote_code=True)
np.save(sys.argv[3], pipeline(np.load(sys.argv[2]), output_type="np").images[0])
"""


@pytest.fixture
def given(tmp_path: Path) -> Path:
    np.save(tmp_path / "given.npy", picture(0, 70, 50))
    return tmp_path / "given.npy"


def same(made: OneStepRestorationPipeline, wanted: OneStepRestorationPipeline) -> bool:
    results = (p(picture(0, 70, 50), output_type="pt").images[0] for p in (made, wanted))
    return torch.equal(*results)


def loads_without_ours(hub: Hub, where: str, given: Path) -> bool:
    result = given.with_name("result.npy")
    command = [sys.executable, "-c", WITHOUT_OURS, where, str(given), str(result)]
    ran = subprocess.run(
        command,
        cwd=given.parent,
        env=hub.env() | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    wanted = tiny_pipeline()(picture(0, 70, 50), output_type="np").images[0]
    return np.array_equal(np.load(result), wanted)


def test_a_pushed_pipeline_comes_back_bit_equal(hub: Hub, hub_mode: Mode) -> None:
    pipeline = tiny_pipeline()
    pipeline.push_to_hub(REPO, private=True)
    assert same(OneStepRestorationPipeline.from_pretrained(REPO), pipeline)
    assert same(load_restorer(REPO, device="cpu"), pipeline)
    assert hub.api().model_info(REPO).private


def test_an_exported_one_needs_no_package_of_ours(hub: Hub, tmp_path: Path, given: Path) -> None:
    export_pipeline(tiny_pipeline(), tmp_path / "export")
    hub.api().create_repo(REPO)
    hub.api().upload_folder(repo_id=REPO, folder_path=tmp_path / "export")
    assert loads_without_ours(hub, REPO, given)
    # Our class takes the numbers of the same repository, and none of its code.
    assert same(OneStepRestorationPipeline.from_pretrained(REPO), tiny_pipeline())


def test_an_exported_folder_loads_in_place(hub: Hub, tmp_path: Path, given: Path) -> None:
    export_pipeline(tiny_pipeline(), tmp_path / "export")
    assert loads_without_ours(hub, str(tmp_path / "export"), given)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        export_pipeline(tiny_pipeline(), tmp_path)
