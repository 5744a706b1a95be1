"""Tiny random builds of the vision-language classes people use, tokenizers included.

Each is the very class of the Hub's models, saved as such a repository is, so that loading takes
the same path. Their words are noise; that they are always the same noise is what tests need.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ggt_hf.vlm.pictures_only import pictures_only

CHAT = """\
{%- for message in messages %}<|im_start|>{{ message.role }}
{% for part in message.content %}{% if part.type == "image" %}IMAGE{% else %}{{ part.text }}\
{% endif %}{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
"""A chat template in the manner of Qwen; IMAGE is what the class puts for a picture."""

TEXT: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}


def tokenizer(*specials: str, **named: str) -> Any:
    """A byte-level tokenizer without merges: any text, one token a byte.

    The `named` specials become attributes of the tokenizer, as some processors want them.
    """
    from tokenizers import pre_tokenizers
    from transformers import Qwen2Tokenizer

    words = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "<|endoftext|>"]
    made = Qwen2Tokenizer(
        vocab={word: i for i, word in enumerate(words)}, merges=[], extra_special_tokens=named
    )
    more = ["<|im_start|>", "<|im_end|>", *specials]
    made.add_special_tokens({"additional_special_tokens": more}, replace_extra_special_tokens=False)
    made.eos_token = "<|im_end|>"
    return made


def save(model: Any, processor: Any, folder: Path, *, videos: str | None = None) -> Path:
    """Save a build as a repository of the Hub holds it, with its class of video processor."""
    ends = processor.tokenizer
    model.generation_config.eos_token_id = ends.eos_token_id
    model.generation_config.pad_token_id = ends.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    if videos:
        file = folder / "processor_config.json"
        settings = json.loads(file.read_text()) | {
            "video_processor": {"video_processor_type": videos}
        }
        file.write_text(json.dumps(settings))
    return folder


def qwen2_5_vl(folder: Path) -> Path:
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessorPil,
    )

    words = tokenizer(*_QWEN)
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]}
    config = Qwen2_5_VLConfig(
        text_config=TEXT | {"vocab_size": len(words), "rope_parameters": rope},
        vision_config={
            "depth": 2,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 32,
            "patch_size": 14,
            "fullatt_block_indexes": [1],
            "window_size": 112,
        },
        **_qwen_ids(words),
    )
    processor = pictures_only(Qwen2_5_VLProcessor)(
        image_processor=Qwen2VLImageProcessorPil(
            size={"shortest_edge": 28 * 28, "longest_edge": 28 * 28 * 4}
        ),
        tokenizer=words,
        video_processor=None,
        chat_template=_chat("<|vision_start|><|image_pad|><|vision_end|>"),
    )
    model = _seeded(Qwen2_5_VLForConditionalGeneration, config)
    return save(model, processor, folder, videos="Qwen2VLVideoProcessor")


def qwen3_vl(folder: Path) -> Path:
    from transformers import (
        Qwen2VLImageProcessorPil,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
        Qwen3VLProcessor,
    )

    words = tokenizer(*_QWEN)
    rope = {
        "rope_type": "default",
        "rope_theta": 1e6,
        "mrope_section": [4, 2, 2],
        "mrope_interleaved": True,
    }
    config = Qwen3VLConfig(
        text_config=TEXT | {"vocab_size": len(words), "head_dim": 16, "rope_parameters": rope},
        vision_config={
            "depth": 2,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 32,
            "patch_size": 16,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0, 1],
        },
        **_qwen_ids(words),
    )
    processor = pictures_only(Qwen3VLProcessor)(
        image_processor=Qwen2VLImageProcessorPil(
            patch_size=16, size={"shortest_edge": 1024, "longest_edge": 32 * 32 * 4}
        ),
        tokenizer=words,
        video_processor=None,
        chat_template=_chat("<|vision_start|><|image_pad|><|vision_end|>"),
    )
    model = _seeded(Qwen3VLForConditionalGeneration, config)
    return save(model, processor, folder, videos="Qwen3VLVideoProcessor")


def idefics3(folder: Path) -> Path:
    import transformers

    return _idefics(
        folder,
        transformers.Idefics3Config,
        transformers.Idefics3ForConditionalGeneration,
        transformers.Idefics3Processor,
        transformers.Idefics3ImageProcessorPil,
    )


def smolvlm(folder: Path) -> Path:
    import transformers

    return _idefics(
        folder,
        transformers.SmolVLMConfig,
        transformers.SmolVLMForConditionalGeneration,
        transformers.SmolVLMProcessor,
        transformers.SmolVLMImageProcessorPil,
        videos="SmolVLMVideoProcessor",
    )


def internvl(folder: Path) -> Path:
    from transformers import (
        GotOcr2ImageProcessorPil,
        InternVLConfig,
        InternVLForConditionalGeneration,
        InternVLProcessor,
    )

    words = tokenizer(
        start_image_token="<img>",
        end_image_token="</img>",
        context_image_token="<IMG_CONTEXT>",
        video_token="<video>",
    )
    config = InternVLConfig(
        text_config=TEXT | {"model_type": "qwen2", "vocab_size": len(words)},
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": [32, 32],
            "patch_size": [8, 8],
        },
        image_token_id=words.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
    )
    processor = pictures_only(InternVLProcessor)(
        image_processor=GotOcr2ImageProcessorPil(
            size={"height": 32, "width": 32}, crop_to_patches=False
        ),
        tokenizer=words,
        video_processor=None,
        image_seq_length=4,
        chat_template=_chat("<IMG_CONTEXT>\n"),
    )
    model = _seeded(InternVLForConditionalGeneration, config)
    return save(model, processor, folder, videos="InternVLVideoProcessor")


BUILDS: dict[str, Callable[[Path], Path]] = {
    "idefics3": idefics3,
    "internvl": internvl,
    "qwen2_5_vl": qwen2_5_vl,
    "qwen3_vl": qwen3_vl,
    "smolvlm": smolvlm,
}

_QWEN = ("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>")


def _qwen_ids(words: Any) -> dict[str, int]:
    identify = words.convert_tokens_to_ids
    return {
        "image_token_id": identify("<|image_pad|>"),
        "video_token_id": identify("<|video_pad|>"),
        "vision_start_token_id": identify("<|vision_start|>"),
        "vision_end_token_id": identify("<|vision_end|>"),
    }


def _chat(picture: str) -> str:
    return CHAT.replace("IMAGE", picture)


def _seeded(cls: Any, config: Any) -> Any:
    import torch

    torch.manual_seed(0)
    return cls(config).eval()


def _idefics(
    folder: Path,
    config_cls: Any,
    cls: Any,
    processor_cls: Any,
    images: Any,
    videos: str | None = None,
) -> Path:
    words = tokenizer("<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>")
    config = config_cls(
        image_token_id=words.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=words.pad_token_id,
        tie_word_embeddings=False,
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 8,
        },
        text_config=TEXT | {"model_type": "llama", "vocab_size": len(words)},
    )
    options = {"video_processor": None} if videos else {}
    processor = (pictures_only(processor_cls) if videos else processor_cls)(
        image_processor=images(
            size={"longest_edge": 32}, max_image_size={"longest_edge": 32}, do_image_splitting=False
        ),
        tokenizer=words,
        image_seq_len=4,
        chat_template=_chat("<image>"),
        **options,
    )
    return save(_seeded(cls, config), processor, folder, videos=videos)
