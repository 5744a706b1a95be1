"""Chat models of the Hub's own classes, as tiny random builds, through the one generic path."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from ggt_hf.errors import ImageError, MissingExtraError, ModelError, UsageError
from ggt_hf.vlm import VisionLanguageModel
from ggt_hf.vlm.cache import AnswerCache
from ggt_hf.vlm.local import LocalVLM
from tests.making import encoded, picture
from tests.vlm.tiny import BUILDS

Build = Callable[[str], Path]

XGRAMMAR = importlib.util.find_spec("xgrammar") is not None


def photo(seed: int) -> bytes:
    return encoded(picture(seed, 64, 48), "JPEG")


@pytest.mark.parametrize("name", sorted(BUILDS))
def test_every_class_answers_through_the_same_path(build: Build, name: str) -> None:
    vlm = LocalVLM.from_pretrained(build(name), dtype="float32")
    assert isinstance(vlm, VisionLanguageModel)
    first = vlm.ask([photo(1), photo(2)], "What is wrong?", max_new_tokens=6)
    assert first == vlm.ask([photo(1), photo(2)], "What is wrong?", max_new_tokens=6)
    assert first.model_id == name
    assert first.revision.startswith("sha256:")
    assert 0 < first.usage.output_tokens <= 6
    assert first.usage.input_tokens > len("What is wrong?")
    assert first.data is None and first.problem is None


@pytest.mark.parametrize("name", ["idefics3", "qwen3_vl"])
def test_the_batch_does_not_change_an_answer(build: Build, name: str) -> None:
    """Questions of one length, pictures of several sizes: padded on the left, unpadded after."""
    pictures = [encoded(picture(seed, *size)) for seed, size in enumerate([(64, 48), (48, 80)])]
    pictures.append(pictures[0])
    many = LocalVLM.from_pretrained(build(name), dtype="float32", batch_size=3)
    single = LocalVLM.from_pretrained(build(name), dtype="float32", batch_size=1)
    together = many.ask_many([[p] for p in pictures], "What?", max_new_tokens=5)
    alone = [single.ask([p], "What?", max_new_tokens=5) for p in pictures]
    assert [a.text for a in together] == [a.text for a in alone]
    assert [a.usage for a in together] == [a.usage for a in alone]


def test_bytes_and_pixels_are_the_same_picture(build: Build) -> None:
    vlm = LocalVLM.from_pretrained(build("idefics3"))
    pixels = picture(3)
    from_bytes = vlm.ask([encoded(pixels)], "What?", max_new_tokens=5)
    assert from_bytes.text == vlm.ask([Image.fromarray(pixels)], "What?", max_new_tokens=5).text


def test_a_drawn_answer_follows_its_seed_and_leaves_the_process_alone(build: Build) -> None:
    import torch

    vlm = LocalVLM.from_pretrained(build("idefics3"))
    torch.manual_seed(5)
    before = torch.random.get_rng_state()

    def draw(seed: int) -> str:
        return vlm.ask([photo(1)], "What?", max_new_tokens=12, temperature=1.5, seed=seed).text

    assert draw(1) == draw(1) != draw(2)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_random_model_breaks_the_schema_and_is_told_so(build: Build) -> None:
    """Random words are no JSON: the second try sees the first one and its error."""
    vlm = LocalVLM.from_pretrained(build("idefics3"))
    schema = {"type": "object", "required": ["category"]}
    [answer] = vlm.ask_many([[photo(1)]], "What?", schema=schema, max_new_tokens=4)
    single = vlm.ask([photo(1)], "What?", max_new_tokens=4)
    assert answer.problem == "it holds no complete JSON object"
    assert answer.usage.input_tokens > 2 * single.usage.input_tokens


@pytest.mark.skipif(not XGRAMMAR, reason="xgrammar is not installed")
def test_a_constrained_model_cannot_break_the_schema(build: Build) -> None:
    schema = {
        "type": "object",
        "properties": {"category": {"enum": ["rain", "haze"]}, "severity": {"enum": [1, 2, 3]}},
        "required": ["category", "severity"],
        "additionalProperties": False,
    }
    vlm = LocalVLM.from_pretrained(build("idefics3"), constrained=True, dtype="float32")
    answers = vlm.ask_many([[photo(1)], [photo(2)]], "What?", schema=schema, max_new_tokens=60)
    for answer in answers:
        assert answer.problem is None
        assert answer.data == json.loads(answer.text)
        assert answer.data["category"] in ("rain", "haze")


def test_an_answer_is_asked_for_once(build: Build, tmp_path: Path) -> None:
    """A second run, in a new object, reads the cache; another question, seed or picture asks."""
    cache = AnswerCache(tmp_path)
    vlm = LocalVLM.from_pretrained(build("idefics3"), cache=cache)
    first = vlm.ask([photo(1)], "What?", max_new_tokens=4)
    again = LocalVLM.from_pretrained(build("idefics3"), cache=cache)
    again.model = None  # Any use of it would now fail.
    assert again.ask([photo(1)], "What?", max_new_tokens=4) == first
    assert len(list(tmp_path.rglob("*.json"))) == 1
    for question, tokens, seed in [("Why?", 4, 1), ("What?", 5, 1), ("What?", 4, 2)]:
        with pytest.raises(AttributeError):
            again.ask([photo(seed)], question, max_new_tokens=tokens)


def test_a_damaged_cache_entry_counts_as_missing(build: Build, tmp_path: Path) -> None:
    vlm = LocalVLM.from_pretrained(build("idefics3"), cache=AnswerCache(tmp_path))
    first = vlm.ask([photo(1)], "What?", max_new_tokens=4)
    [entry] = tmp_path.rglob("*.json")
    entry.write_text('{"text": ')
    assert vlm.ask([photo(1)], "What?", max_new_tokens=4) == first
    assert json.loads(entry.read_text())["text"] == first.text


def test_another_weight_is_another_revision(build: Build, tmp_path: Path) -> None:
    copy = tmp_path / "idefics3"
    shutil.copytree(build("idefics3"), copy)
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    first, second = (
        LocalVLM.from_pretrained(folder).revision for folder in (build("idefics3"), copy)
    )
    assert first != second


def test_pickled_weights_are_never_loaded(build: Build, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    copy = tmp_path / "pickled"
    shutil.copytree(build("idefics3"), copy)
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="safetensors"):
        LocalVLM.from_pretrained(copy)


def test_errors_name_the_cause(build: Build, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no Hub id"):
        LocalVLM.from_pretrained("no/such/folder/here")
    with pytest.raises(ModelError, match="it has no revision main"):
        LocalVLM.from_pretrained(build("idefics3"), revision="main")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="empty cannot be loaded"):
        LocalVLM.from_pretrained(tmp_path / "empty")
    if importlib.util.find_spec("bitsandbytes") is None:
        with pytest.raises(MissingExtraError, match="vlm-quantized"):
            LocalVLM.from_pretrained(build("idefics3"), quantization="4bit")


def test_a_model_without_a_chat_template_is_refused(build: Build, tmp_path: Path) -> None:
    copy = tmp_path / "mute"
    shutil.copytree(build("idefics3"), copy)
    (copy / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="mute has no chat template"):
        LocalVLM.from_pretrained(copy)


def test_questions_that_cannot_be_meant(build: Build) -> None:
    vlm = LocalVLM.from_pretrained(build("idefics3"))
    with pytest.raises(UsageError, match="at least one picture"):
        vlm.ask([], "What?")
    with pytest.raises(UsageError, match="needs words"):
        vlm.ask([photo(1)], "  ")
    with pytest.raises(UsageError, match="temperature is 3"):
        vlm.ask([photo(1)], "What?", temperature=3)
    with pytest.raises(ImageError, match="not a picture"):
        vlm.ask([b"GIF89a"], "What?")
    assert vlm.ask_many([], "What?") == []
