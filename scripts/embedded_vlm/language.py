"""Second half of the training: a small Llama that reads the tower's tokens and writes the answer.

Tower, projector and Llama are one `LlavaForConditionalGeneration`, saved as any model of the Hub.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import pre_tokenizers
from torch import Tensor, nn
from transformers import (
    CLIPImageProcessorPil,
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
from scripts.embedded_vlm.tower import (
    Classifier,
    Sample,
    normalised,
    samples,
    shown_views,
    tower_config,
)

LOG = logging.getLogger(__name__)

IMAGE, ANSWER, END = "<image>", "<answer>", "<end>"
TOKENS_A_VIEW = 4
VIEWS = 1 + len(DETAIL_CENTRES)

LEAST = 0.08
"""Severities below this are not named: nobody sees them."""

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
        # What the processor divides by to count tokens: 128 / 64 = 2 rows of 2.
        patch_size=DETAIL_SIDE // math.isqrt(TOKENS_A_VIEW),
        vision_feature_select_strategy="full",
        image_token=IMAGE,
        chat_template=CHAT,
    )


def make_model(tokenizer: Any) -> Any:
    """Return the untrained model; its tower is replaced by the trained one."""
    language = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=160,
        intermediate_size=320,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        attention_dropout=0.1,
    )
    config = LlavaConfig(
        vision_config=tower_config(),
        text_config=language,
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        image_seq_length=TOKENS_A_VIEW,
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
def seen_tokens(classifier: Classifier, found: list[Sample], seed: int) -> Tensor:
    """Return the tower's tokens of drawn views of every picture, (N, VIEWS * TOKENS, C)."""
    rng = np.random.default_rng(seed)
    parts = []
    for sample in found:
        views = shown_views(np.load(sample.views), VIEWS - 1, rng)
        views = views[:, :, ::-1].copy() if rng.random() < 0.5 else views
        parts.append(classifier.tower(normalised(views)).last_hidden_state.flatten(0, 1))
    return torch.stack(parts)


def train_language(
    classifier: Classifier, training: Path, out: Path, *, looks: int, epochs: int, seed: int
) -> None:
    """Train projector and Llama on the frozen tower's tokens, and save the whole model.

    Args:
        classifier: the trained tower with its heads.
        training: the folder of simulated pictures.
        out: where model and processor are saved, in half precision.
        looks: times each picture is drawn into views.
        epochs: times all the looks are shown.
        seed: of everything drawn.
    """
    torch.manual_seed(seed)
    processor = make_processor()
    model = make_model(processor.tokenizer)
    model.model.vision_tower.load_state_dict(classifier.tower.state_dict())
    found = samples(training)
    answers = _answers(processor.tokenizer, found)
    tokens = [seen_tokens(classifier.eval(), found, seed + look) for look in range(looks)]
    LOG.info("%d pictures, %d looks each", len(found), looks)
    _fit(model, torch.cat(tokens), answers.repeat(looks, 1), epochs)
    out.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(out)
    processor.save_pretrained(out)
    for path in out.iterdir():
        path.chmod(0o644)


def _answers(tokenizer: Any, found: list[Sample]) -> Tensor:
    """Return the right answers as ids, (N, T): first ANSWER, then the words, END, padding."""
    start = tokenizer.convert_tokens_to_ids(ANSWER)
    rows = [[start, *tokenizer.encode(target(sample)), tokenizer.eos_token_id] for sample in found]
    longest = max(map(len, rows))
    padding = tokenizer.pad_token_id
    return torch.tensor([row + [padding] * (longest - len(row)) for row in rows])


def _logits(model: Any, tokens: Tensor, ids: Tensor) -> Tensor:
    """Return what the model thinks of each word after the first, (B, T - 1, vocabulary)."""
    shown = model.model.multi_modal_projector(tokens)
    words = model.get_input_embeddings()(ids)
    read = model.model.language_model(inputs_embeds=torch.cat([shown, words], dim=1))
    return model.lm_head(read.last_hidden_state[:, shown.shape[1] : -1])


def _fit(model: Any, tokens: Tensor, answers: Tensor, epochs: int, batch: int = 64) -> None:
    """Teach projector and language model; the tower stays as it is."""
    learned = [*model.model.multi_modal_projector.parameters()]
    learned += [*model.model.language_model.parameters(), *model.lm_head.parameters()]
    optimiser = torch.optim.AdamW(learned, lr=2e-3, weight_decay=0.05)
    steps = epochs * (len(tokens) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=max(steps, 1))
    padding = model.generation_config.pad_token_id
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for chosen in torch.randperm(len(tokens)).split(batch)[: len(tokens) // batch]:
            ids = answers[chosen]
            with torch.autocast("cpu", torch.bfloat16):
                logits = _logits(model, tokens[chosen], ids).float()
            loss = nn.functional.cross_entropy(
                logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=padding
            )
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(learned, 1.0)
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        LOG.info("epoch %d of %d: loss %.4f", epoch + 1, epochs, total / (len(tokens) // batch))
    model.eval()
