"""Second half of the training: a small Llama that reads the tower's tokens and writes the answer.

Tower, projector and Llama are one `LlavaForConditionalGeneration`, saved as any model of the Hub.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tokenizers import pre_tokenizers
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    CLIPImageProcessorPil,
    LevitModel,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    Qwen2Tokenizer,
)

from ggt_hf.degradation import LABELS
from ggt_hf.records import DEGRADATIONS, EFFECTS, Observation, SeenEffect
from ggt_hf.vlm.observation import EVERYWHERE, MAX_SEVERITY, to_text
from ggt_hf.vlm.views import DETAIL_CENTRES, DETAIL_SIDE
from scripts.embedded_vlm.pictures import LEAST, Sample, batches, samples
from scripts.embedded_vlm.tower import ROWS, gathered, tower_config

LOG = logging.getLogger(__name__)

PEAK_RATE = 2e-3
"""Of a language model that starts anew; half of it for one that is taught further."""

BATCH = 64

CATEGORY_WORD = 1
"""Where the category stands among the words of an answer; before it goes `{"category": "`."""

CATEGORY_WEIGHT = 4.0
"""What the word of the category weighs in the loss, beside words that follow from others."""

UNSEEN = 0.15
"""Share of the tokens that are hidden from a lesson, so that none is leant on alone."""

IMAGE, ANSWER, END = "<image>", "<answer>", "<end>"

CHAT = """\
{%- for message in messages %}{% for part in message.content %}\
{% if part.type == "image" %}<image>{% elif message.role == "assistant" %}{{ part.text }}<end>\
{% endif %}{% endfor %}{% endfor %}{% if add_generation_prompt %}<answer>{% endif %}"""
"""The question is left out: this model answers one question only."""


def make_tokenizer() -> Any:
    """Return a byte-level tokenizer that knows the phrases of an observation as one token each."""
    bytes_ = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Qwen2Tokenizer(
        vocab={token: i for i, token in enumerate([*bytes_, "<|endoftext|>"])}, merges=[]
    )
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE, ANSWER]})
    tokenizer.add_special_tokens({"eos_token": END, "pad_token": "<|endoftext|>"})
    phrases = [
        '{"category": "', '", "degradations": [', '{"name": "', '", "severity": ',
        f', "place": "{EVERYWHERE}"}}', ", ",
        '], "scene": "", "preserve": {"text": [], "faces": [], "signs": [], "counts": []}}',
    ]  # fmt: skip
    tokenizer.add_tokens([*phrases, *dict.fromkeys([*DEGRADATIONS, *EFFECTS])])
    return tokenizer


def make_processor() -> Any:
    """Return the processor: views are squeezed to the tower's size, which details have already."""
    images = CLIPImageProcessorPil(
        size={"height": DETAIL_SIDE, "width": DETAIL_SIDE},
        do_center_crop=False,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    return LlavaProcessor(
        image_processor=images,
        tokenizer=make_tokenizer(),
        # What the processor divides by to count tokens: 224 / 56 = 4 rows of 4.
        patch_size=DETAIL_SIDE // ROWS,
        vision_feature_select_strategy="full",
        image_token=IMAGE,
        chat_template=CHAT,
    )


def make_model(tokenizer: Any) -> Any:
    """Return the untrained model; its tower is replaced by the trained one."""
    language = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    config = LlavaConfig(
        vision_config=tower_config(),
        text_config=language,
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        image_seq_length=ROWS**2,
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
    )
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def target(sample: Sample) -> str:
    """Return the answer that is right for a simulated picture."""
    seen = tuple(
        SeenEffect(name=name, severity=severity_level(float(value)), place=EVERYWHERE)
        for name, value in zip(LABELS, sample.effects, strict=True)
        if value >= LEAST
    )
    return to_text(Observation(category=DEGRADATIONS[sample.category], effects=seen))


def severity_level(severity: float) -> int:
    """Turn the simulator's severity, in (0, 1], into a level from 1 to 5."""
    return min(MAX_SEVERITY, max(1, math.ceil(severity * MAX_SEVERITY)))


@torch.no_grad()
def seen_tokens(tower: LevitModel, found: list[Sample], seed: int) -> Tensor:
    """Return the tower's tokens of all views of every picture, bfloat16 (N, V * T, C)."""
    parts = []
    shown = batches(found, 32, np.random.default_rng(seed), details=len(DETAIL_CENTRES))
    for batch in shown:
        views = batch.pixels.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            tokens = gathered(tower, views)
        parts.append(tokens.bfloat16().unflatten(0, batch.pixels.shape[:2]).flatten(1, 2))
    return torch.cat(parts)


class Lessons(NamedTuple):
    """What the language model reads, and what it is to write."""

    tokens: Tensor
    """bfloat16 (N, V * T, C), the tower's."""
    answers: Tensor
    """int (N, W): first ANSWER, then the words, END, padding."""


def train_language(
    tower: LevitModel,
    training: Path,
    out: Path,
    *,
    looks: int,
    epochs: int,
    seed: int,
    start: Path | None = None,
) -> None:
    """Train projector and Llama on the frozen tower's tokens, and save the whole model.

    Args:
        tower: the trained tower.
        training: the folder of simulated pictures.
        out: where model and processor are saved, in half precision.
        looks: times each picture's views are drawn.
        epochs: times all the looks are shown.
        seed: of everything drawn.
        start: a saved model whose projector and Llama are taught further; without it they start
            anew.
    """
    torch.manual_seed(seed)
    processor = make_processor()
    model = make_model(processor.tokenizer)
    if start:
        made = LlavaForConditionalGeneration.from_pretrained(start, dtype=torch.float32)
        model.load_state_dict(made.state_dict())
    model.model.vision_tower.load_state_dict(tower.state_dict())
    shown, watched = samples(training)
    tokens = torch.cat([seen_tokens(tower, shown, seed + look) for look in range(looks)])
    answers = _answers(processor.tokenizer, shown + watched)
    LOG.info("%d pictures, %d looks each", len(shown), looks)
    lessons = Lessons(tokens, answers[: len(shown)].repeat(looks, 1))
    tested = Lessons(seen_tokens(tower, watched, seed), answers[len(shown) :])
    _fit(model, lessons, tested, epochs, PEAK_RATE / 2 if start else PEAK_RATE)
    out.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(out)
    processor.save_pretrained(out)
    for path in out.iterdir():
        path.chmod(0o644)


def _answers(tokenizer: Any, found: list[Sample]) -> Tensor:
    start = tokenizer.convert_tokens_to_ids(ANSWER)
    rows = [[start, *tokenizer.encode(target(sample)), tokenizer.eos_token_id] for sample in found]
    longest = max(map(len, rows))
    padding = tokenizer.pad_token_id
    return torch.tensor([row + [padding] * (longest - len(row)) for row in rows])


def _fit(model: Any, lessons: Lessons, tested: Lessons, epochs: int, rate: float) -> None:
    """Teach projector and language model; the tower stays as it is."""
    learned = [*model.model.multi_modal_projector.parameters()]
    learned += [*model.model.language_model.parameters(), *model.lm_head.parameters()]
    count = len(lessons.tokens)
    optimiser = torch.optim.AdamW(learned, lr=rate, weight_decay=0.05)
    steps = epochs * math.ceil(count / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for chosen in torch.randperm(count).split(BATCH):
            lesson = Lessons(lessons.tokens[chosen], lessons.answers[chosen])
            loss = _loss(_logits(model, lesson), lesson.answers[:, 1:], model)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(learned, 1.0)
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * len(chosen)
        LOG.info(
            "epoch %d of %d: loss %.4f, category of those watched %.3f",
            *(epoch + 1, epochs, total / count, _accuracy(model.eval(), tested)),
        )


def _logits(model: Any, lessons: Lessons) -> Tensor:
    """Return what the model thinks of each word after the first, (B, W - 1, vocabulary)."""
    with torch.autocast("cpu", torch.bfloat16):
        tokens = functional.dropout1d(lessons.tokens.float(), UNSEEN, model.training)
        shown = model.model.multi_modal_projector(tokens)
        words = model.get_input_embeddings()(lessons.answers)
        read = model.model.language_model(inputs_embeds=torch.cat([shown, words], dim=1))
        logits: Tensor = model.lm_head(read.last_hidden_state[:, shown.shape[1] : -1])
    return logits.float()


def _loss(logits: Tensor, words: Tensor, model: Any) -> Tensor:
    padding = model.generation_config.pad_token_id
    wrong = functional.cross_entropy(logits.transpose(1, 2), words, reduction="none")
    weights = (words != padding).float()
    weights[:, CATEGORY_WORD] = CATEGORY_WEIGHT
    return (wrong * weights).sum() / weights.sum()


@torch.no_grad()
def _accuracy(model: Any, tested: Lessons) -> float:
    """Return how often the category is right, in [0, 1]."""
    said = _logits(model, tested)[:, CATEGORY_WORD].argmax(1)
    return float((said == tested.answers[:, 1 + CATEGORY_WORD]).float().mean())
