from __future__ import annotations

import os
import shutil

import pytest


@pytest.fixture(scope="session")
def jpegtran() -> None:
    """Making JPEGs seekable needs libjpeg-turbo's jpegtran; CI must have it."""
    if shutil.which("jpegtran"):
        return
    reason = "no jpegtran on the PATH: apt install libjpeg-turbo-progs"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
