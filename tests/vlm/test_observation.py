"""The question, its schema, and the way between data and records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ggt_hf.degradation import LABELS
from ggt_hf.records import DEGRADATIONS, EFFECTS, Observation, SeenEffect
from ggt_hf.vlm.observation import OBSERVATION_SCHEMA, QUESTION, parse, to_data, to_text
from ggt_hf.vlm.schema import first_problem, read_json
from ggt_hf.vlm.views import DETAIL_CENTRES, DETAIL_SIDE, views

WORDS = st.text("abc é日", min_size=1, max_size=8).map(str.strip).filter(bool)
LISTS = st.lists(WORDS.map(lambda w: " ".join(w.split())), unique=True, max_size=3).map(tuple)


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    names = draw(st.lists(st.sampled_from(EFFECTS), unique=True, max_size=4))
    effects = [
        SeenEffect(name=name, severity=draw(st.integers(1, 5)), place=draw(WORDS)) for name in names
    ]
    effects.sort(key=lambda e: (-e.severity, EFFECTS.index(e.name)))
    return Observation(
        category=draw(st.sampled_from(DEGRADATIONS)),
        effects=tuple(effects),
        scene=" ".join(draw(st.text("ab ", max_size=9)).split()),
        text=draw(LISTS),
        faces=draw(LISTS),
        signs=draw(LISTS),
        counts=draw(LISTS),
    )


@given(observations())
def test_an_observation_survives_being_written(observation: Observation) -> None:
    data, problem = read_json(f"Well: {to_text(observation)} Done.", OBSERVATION_SCHEMA)
    assert problem is None and data is not None
    assert parse(data) == observation


def test_the_effects_are_those_of_the_simulator() -> None:
    assert set(EFFECTS) == set(LABELS)


def test_the_question_names_every_word_that_may_be_answered() -> None:
    for word in (*DEGRADATIONS, *EFFECTS, *OBSERVATION_SCHEMA["properties"]):
        assert word in QUESTION


def test_an_effect_named_twice_counts_once() -> None:
    data = to_data(Observation(category="rain"))
    for severity in (2, 4, 3):
        data["degradations"].append({"name": "blur", "severity": severity, "place": "sky"})
    assert [e.severity for e in parse(data).effects] == [4]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no complete JSON object"),
        ('{"category": "rain"', "no complete JSON object"),
        ('["category"]', "no complete JSON object"),
        ("{" * 5000, "no complete JSON object"),
        ('{"category": "rain"}', "at $: 'degradations' is a required property"),
    ],
)
def test_what_is_no_observation(text: str, problem: str) -> None:
    data, said = read_json(text, OBSERVATION_SCHEMA)
    assert data is None and said is not None and problem in said


def test_the_problem_names_the_place() -> None:
    data = to_data(Observation(category="rain"))
    data["degradations"] = [{"name": "fog", "severity": 2, "place": ""}]
    problem = first_problem(data, OBSERVATION_SCHEMA)
    assert problem is not None and problem.startswith("at $.degradations[0].name: 'fog' is not one")


def test_the_last_object_counts() -> None:
    schema = {"type": "object", "required": ["a"]}
    assert read_json('<think>{"a": 1}</think> {"a": {"b": 2}}', schema)[0] == {"a": {"b": 2}}


@pytest.mark.parametrize("size", [(1000, 700), (DETAIL_SIDE, 900), (50, 20), (1, 1)])
def test_details_are_cuts_of_the_picture(size: tuple[int, int]) -> None:
    picture = Image.linear_gradient("L").resize(size).convert("RGB")
    whole, *details = views(picture)
    assert whole is picture and len(details) == len(DETAIL_CENTRES)
    for cut in details:
        assert cut.size == (min(DETAIL_SIDE, size[0]), min(DETAIL_SIDE, size[1]))
