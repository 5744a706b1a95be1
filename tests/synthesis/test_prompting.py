"""Fixed and adaptive prompts, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ggt_hf.errors import AnswerError, ImageError, UsageError
from ggt_hf.records import DEGRADATIONS, Observation, SeenEffect
from ggt_hf.synthesis.prompting import ADAPTIVE, AdaptivePrompter, FixedPrompter
from ggt_hf.vlm.chat import Chat, ChatModel, Reply, Settings
from ggt_hf.vlm.observation import to_text
from tests.making import encoded, picture

SEEN = Observation(
    category="rain",
    effects=(
        SeenEffect(name="rain_streaks", severity=4, place="everywhere"),
        SeenEffect(name="blur", severity=1, place="lower left"),
    ),
    scene="A street with a tram.",
    text=("EXIT 12", 'He said "no"'),
    faces=("a woman with a red hat",),
    signs=("stop sign",),
    counts=("3 boats",),
)
PHOTO = encoded(picture(1))


class Seer(ChatModel):
    """Says what it was told to say: prompts are under test here, not models."""

    def __init__(self, *sayings: str) -> None:
        super().__init__("ORG/seer", "abc123")
        self.sayings = list(sayings)

    def reply(self, chats: Sequence[Chat], settings: Settings) -> list[Reply]:
        return [Reply(text=self.sayings.pop(0)) for _ in chats]


def test_an_adaptive_prompt_holds_all_that_was_seen() -> None:
    prompt = AdaptivePrompter(Seer(to_text(SEEN))).prompt(PHOTO)
    assert "photograph taken in rain" in prompt.text
    assert "- strong rain streaks;" in prompt.text
    assert "- very light blur (lower left);" in prompt.text
    assert "It shows A street with a tram." in prompt.text
    for kept in ("EXIT 12", 'He said "no"', "a woman with a red hat", "stop sign", "3 boats"):
        assert kept in prompt.text
    assert "everywhere" not in prompt.text


def test_what_was_not_seen_leaves_no_empty_sentence() -> None:
    prompt = AdaptivePrompter(Seer(to_text(Observation(category="mixed")))).prompt(PHOTO)
    for words in ("Remove", "letter for letter", "likeness", "signs", "number:", "It shows"):
        assert words not in prompt.text
    assert "\n\n\n" not in prompt.text and "  " not in prompt.text
    assert prompt.text == prompt.text.strip()


def test_an_adaptive_prompt_knows_where_it_comes_from() -> None:
    prompt = AdaptivePrompter(Seer(to_text(SEEN))).prompt(PHOTO)
    assert (prompt.strategy, prompt.template) == ("adaptive", ADAPTIVE)
    assert (prompt.vlm_id, prompt.vlm_revision) == ("ORG/seer", "abc123")
    assert prompt.degradation == "rain"
    assert prompt.observation == SEEN


def test_a_useless_answer_stands_beside_the_good_ones() -> None:
    seer = Seer(to_text(SEEN), "It rains.", "It still rains.")
    good, bad = AdaptivePrompter(seer).prompts([PHOTO, PHOTO])
    assert not isinstance(good, AnswerError) and good.observation == SEEN
    assert isinstance(bad, AnswerError) and "ORG/seer" in bad.message
    with pytest.raises(AnswerError):
        AdaptivePrompter(Seer("no", "no")).prompt(PHOTO)


def test_a_picture_that_is_none() -> None:
    with pytest.raises(ImageError):
        AdaptivePrompter(Seer()).prompt(b"no picture")


def test_fixed_prompts() -> None:
    generic = FixedPrompter().prompt("rain")
    assert generic == FixedPrompter().prompt("snow") == FixedPrompter(per_category=True).prompt()
    assert (generic.strategy, generic.template, generic.vlm_id) == ("fixed", "fixed/v1", None)
    each = [FixedPrompter(per_category=True).prompt(category) for category in DEGRADATIONS]
    assert len({prompt.text for prompt in each} | {generic.text}) == len(DEGRADATIONS) + 1
    assert [prompt.degradation for prompt in each] == list(DEGRADATIONS)


def test_a_template_of_the_users_own(tmp_path: Path) -> None:
    own = tmp_path / "short.j2"
    own.write_text("Undo {{ seen.effects[0].name }} in {{ category }}.")
    prompt = AdaptivePrompter(Seer(to_text(SEEN)), own).prompt(PHOTO)
    assert prompt.text == "Undo rain_streaks in photograph taken in rain."
    assert prompt.template.startswith("short/sha256:")
    own.write_text("Undo {{ seen.effects[0].name }}!")
    changed = AdaptivePrompter(Seer(to_text(SEEN)), own).prompt(PHOTO)
    assert changed.template != prompt.template


@pytest.mark.parametrize("text", ["{{ unknown }}", "{% if %}", "{{ seen.__class__.mro() }}"])
def test_a_template_that_cannot_be_filled(tmp_path: Path, text: str) -> None:
    own = tmp_path / "broken.j2"
    own.write_text(text)
    with pytest.raises(UsageError, match="cannot be filled"):
        AdaptivePrompter(Seer(to_text(SEEN)), own).prompt(PHOTO)
    with pytest.raises(UsageError, match="no readable template"):
        AdaptivePrompter(Seer(), tmp_path / "missing.j2")


def test_words_of_a_model_are_data_not_template() -> None:
    nasty = Observation(category="mixed", scene="{{ 7 * 7 }}", text=("<b>{% raw %}",))
    text = AdaptivePrompter(Seer(to_text(nasty))).prompt(PHOTO).text
    assert "{{ 7 * 7 }}" in text and "<b>{% raw %}" in text
