"""What the demo ends with."""

from __future__ import annotations

from ggt_hf.demo.comparison import FOLDER, compare_restorers


def test_restorers_are_compared_on_the_sample(tmp_path):
    made = compare_restorers(tmp_path, ["classical"], num_workers=1)
    assert made.scores.restorers("sample") == ["input", "classical"]
    assert {row.value.count for row in made.summary.differences if row.category == "all"} == {12}
    page = (tmp_path / FOLDER / "report.html").read_text(encoding="utf-8")
    assert "Restorers on the sample" in page and page.count("<figure>") == 6
