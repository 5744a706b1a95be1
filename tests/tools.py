"""Programs that some tests need: where one is missing, those are left out and named at the end.

Under ``CI=true`` they fail instead: there, nothing may go untested without a word.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")

HOW_TO_GET = {
    "chromium": "apt install chromium (or set CHROMIUM=/path/to/chrome)",
    "jpegtran": "apt install libjpeg-turbo-progs",
}


def find_chromium() -> str | None:
    """The path of a Chromium, or None."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)


def is_there(tool: str) -> bool:
    return bool(find_chromium() if tool == "chromium" else shutil.which(tool))


def missing_word(tool: str) -> str:
    return f"needs {tool}, which is not on the PATH"


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        (tool,) = mark.args
        if is_there(tool):
            continue
        if os.environ.get("CI") == "true":
            pytest.fail(f"{missing_word(tool)}: {HOW_TO_GET[tool]}", pytrace=False)
        pytest.skip(missing_word(tool))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    for tool, how in HOW_TO_GET.items():
        left_out = [
            report.nodeid for report in skipped if missing_word(tool) in str(report.longrepr)
        ]
        if not left_out:
            continue
        terminalreporter.section(f"left out: {len(left_out)} tests that need {tool}")
        for test, count in Counter(nodeid.partition("[")[0] for nodeid in left_out).items():
            terminalreporter.write_line(f"  {test}" + (f" ({count} cases)" if count > 1 else ""))
        terminalreporter.write_line(f"To run them: {how}, then make test.")
