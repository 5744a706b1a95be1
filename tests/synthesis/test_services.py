"""Each service's editor against its loopback: every way in which a service answers."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from ggt_hf.errors import EditorError, GgtError, MissingExtraError
from ggt_hf.synthesis.editors.editor import (
    Editor,
    LostAnswerError,
    NoPictureError,
    NotAnsweredError,
    Picture,
    edit,
)
from ggt_hf.synthesis.editors.opening import EditorOptions, open_editor
from tests.making import encoded, picture
from tests.synthesis.service import Service, edited

Opened = Callable[..., Editor]

NAMES = ["nano-banana-2", "gpt-image-2", "hf"]


@pytest.fixture(params=NAMES)
def opened(request: pytest.FixtureRequest, service: Service) -> Opened:
    """Opens the editor of one service."""
    name = request.param

    def open_it(timeout: float = 20.0) -> Editor:
        options = EditorOptions(timeout=timeout, price=0.05)
        return open_editor(f"hf:{service.url}/edit" if name == "hf" else name, options)

    return open_it


def lq(seed: int = 1, width: int = 96, height: int = 64) -> Picture:
    return Picture("street", encoded(picture(seed, width, height)))


def test_brings_the_services_picture_home(opened: Opened, service: Service) -> None:
    made = edit(opened(), lq(), "Remove the rain.", seed=7)
    gt = np.asarray(Image.open(io.BytesIO(made.gt)))
    wanted = np.asarray(edited(lq().image))
    assert gt.shape == wanted.shape
    # GPT Image works on larger canvases only: the picture went up and came back.
    assert np.abs(gt.astype(int) - wanted).mean() < (2 if made.regridded else 0.01)
    [asked] = service.asked
    assert asked.prompt == "Remove the rain."
    assert asked.picture.size == made.fed


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        ("black", "blank"),
        ("unchanged", "unchanged"),
        ("wrong_size", "wrong_size"),
        ("garbage", "error"),
    ],
)
def test_names_an_answer_that_is_no_target(
    opened: Opened, service: Service, behaviour: str, outcome: str
) -> None:
    service.script = lambda asked, number: behaviour
    with pytest.raises(NoPictureError) as caught:
        edit(opened(), lq(), "Remove the rain.")
    assert caught.value.outcome == outcome
    assert caught.value.paid
    assert len(service.asked) == 1


@pytest.mark.parametrize("name", ["nano-banana-2", "gpt-image-2"])
@pytest.mark.parametrize(("behaviour", "outcome"), [("refuse", "refused"), ("text", "text_only")])
def test_names_refusals_and_words(
    service: Service, name: str, behaviour: str, outcome: str
) -> None:
    service.script = lambda asked, number: behaviour
    with pytest.raises(NoPictureError) as caught:
        edit(open_editor(name), lq(), "Remove the rain.")
    assert caught.value.outcome == outcome


def test_names_a_picture_that_was_made_and_withheld(service: Service) -> None:
    service.script = lambda asked, number: "refuse_late"
    with pytest.raises(NoPictureError) as caught:
        edit(open_editor("nano-banana-2"), lq(), "Remove the rain.")
    assert caught.value.outcome == "refused"
    assert "IMAGE_SAFETY" in caught.value.message


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, NotAnsweredError),
        (500, NotAnsweredError),
        (503, NotAnsweredError),
        (504, LostAnswerError),
        (401, EditorError),
        (404, EditorError),
        (422, NoPictureError),
    ],
)
def test_tells_what_may_be_repeated(
    opened: Opened, service: Service, status: int, kind: type[GgtError]
) -> None:
    service.script = lambda asked, number: str(status)
    with pytest.raises(kind) as caught:
        edit(opened(), lq(), "Remove the rain.")
    # The SDKs would repeat by themselves, uncounted.
    assert len(service.asked) == 1
    if isinstance(caught.value, NotAnsweredError) and status in (429, 503):
        assert caught.value.retry_after == pytest.approx(0.05)


def test_does_not_know_what_became_of_a_lost_answer(opened: Opened, service: Service) -> None:
    service.script = lambda asked, number: "drop"
    with pytest.raises(LostAnswerError):
        edit(opened(), lq(), "Remove the rain.")
    service.script = lambda asked, number: "hang"
    with pytest.raises(LostAnswerError):
        edit(opened(timeout=0.3), lq(), "Remove the rain.")
    service.await_asked(2)


def test_knows_that_nothing_was_sent_where_nobody_listens(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:9")
    for name in ("gpt-image-2", "nano-banana-2", "hf:http://127.0.0.1:9/edit"):
        with pytest.raises(NotAnsweredError):
            edit(open_editor(name), lq(), "Remove the rain.")


def test_a_page_instead_of_an_answer_is_no_target(opened: Opened, service: Service) -> None:
    service.script = lambda asked, number: "html"
    with pytest.raises(Exception, match=r".") as caught:
        edit(opened(), lq(), "Remove the rain.")
    assert not isinstance(caught.value, NotAnsweredError)


def test_larger_answers_have_no_known_price() -> None:
    larger = EditorOptions(settings={"image_size": "4K"})
    assert open_editor("nano-banana-2").price == 0.07
    assert open_editor("nano-banana-2", larger).price is None
    assert open_editor("gpt-image-2").price is None


@pytest.mark.parametrize(
    ("name", "variable"), [("gpt-image-2", "OPENAI_API_KEY"), ("nano-banana-2", "GEMINI_API_KEY")]
)
def test_asks_for_the_key_by_its_name(
    name: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    with pytest.raises(EditorError, match=variable):
        edit(open_editor(name), lq(), "Remove the rain.")


def test_gemini_gets_a_ratio_it_knows_and_may_answer_in_another_scale(service: Service) -> None:
    service.script = lambda asked, number: "half"
    photo = lq(width=200, height=140)
    made = edit(open_editor("nano-banana-2"), photo, "Remove the rain.")
    [asked] = service.asked
    assert asked.ratio == "3:2"
    assert made.fed == asked.picture.size == (210, 140)
    assert made.regridded
    gt = np.asarray(Image.open(io.BytesIO(made.gt))).astype(int)
    assert np.abs(gt - np.asarray(edited(photo.image))).mean() < 4


def test_gpt_image_is_asked_for_the_very_size_it_is_fed(service: Service) -> None:
    made = edit(open_editor("gpt-image-2"), lq(width=1000, height=700), "Remove the rain.")
    [asked] = service.asked
    assert asked.size == "1008x704"
    assert made.fed == (1008, 704)


def test_the_answers_own_bytes_are_kept_where_nothing_was_resized(service: Service) -> None:
    photo = lq(width=960, height=720)
    editor = open_editor("gpt-image-2")
    answer = editor.ask(photo, "Remove the rain.", 0)
    made = edit(editor, photo, "Remove the rain.")
    assert not made.regridded
    assert made.gt == answer


def test_a_missing_sdk_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    # The one way to try what a machine without the package does.
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtraError, match=r"ggt-hf\[openai\]"):
        edit(open_editor("gpt-image-2"), lq(), "Remove the rain.")
    monkeypatch.setitem(sys.modules, "google.genai", None)
    with pytest.raises(MissingExtraError, match=r"ggt-hf\[gemini\]"):
        edit(open_editor("nano-banana-2"), lq(), "Remove the rain.")
