"""Importing and asking for help stay light: in CPU time and in what they load."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"torch", "datasets", "transformers", "diffusers", "pyarrow", "huggingface_hub", "numpy"}

LOADED = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


@pytest.mark.parametrize(
    "code",
    [
        "import ggt_hf",
        "from ggt_hf.cli.app import app",
        "from typer.testing import CliRunner; from ggt_hf.cli.app import app;"
        "assert 'build' in CliRunner().invoke(app, ['--help']).output",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}; {LOADED}"], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(ran.stdout.split())


def test_every_public_name_exists() -> None:
    import ggt_hf

    for name in ggt_hf.__all__:
        assert getattr(ggt_hf, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = ggt_hf.nonsense


@pytest.mark.parametrize("package", ["torch", "simplejpeg"])
def test_a_missing_extra_is_named_when_it_is_imported(package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from ggt_hf import PairStream"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = ran.stderr.strip().splitlines()[-1]
    assert last.startswith("ggt_hf.errors.MissingExtraError")
    assert package in last
    assert "pip install 'ggt-hf[stream]'" in last
