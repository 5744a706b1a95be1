"""Tokenizers made in code, and tiny text encoders with random weights."""

from __future__ import annotations

import string
from typing import Any

import transformers
from tokenizers import pre_tokenizers

_QWEN_WORDS = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"]
_QWEN_WORDS += ["<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
_CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }} "
    "{{ m['content'] if m['content'] is string else m['content'][0]['text'] }}<|im_end|>"
    "{% endfor %}"
)


def alphabet() -> list[str]:
    return sorted(pre_tokenizers.ByteLevel.alphabet())


def qwen_tokenizer(*, chat: bool = False) -> Any:
    vocabulary = {word: index for index, word in enumerate([*alphabet(), "<|endoftext|>"])}
    tokenizer = transformers.Qwen2Tokenizer(vocab=vocabulary, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": _QWEN_WORDS})
    if chat:
        tokenizer.chat_template = _CHAT
    return tokenizer


def clip() -> tuple[Any, Any]:
    letters = alphabet()
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = transformers.CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)
    config = transformers.CLIPTextConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        hidden_size=32,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=1,
        projection_dim=32,
        vocab_size=len(tokenizer),
    )
    return tokenizer, transformers.CLIPTextModel(config).eval()


def t5() -> tuple[Any, Any]:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0)]
    pieces += [(letter, -3.0) for letter in string.printable if not letter.isspace()]
    tokenizer = transformers.T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=64)
    config = transformers.T5Config(
        d_model=32, d_kv=8, d_ff=37, num_layers=1, num_heads=4, vocab_size=len(tokenizer),
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    return tokenizer, transformers.T5EncoderModel(config).eval()


def qwen3(tokenizer: Any) -> Any:
    config = transformers.Qwen3Config(
        hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, head_dim=8, vocab_size=len(tokenizer), max_position_embeddings=1024,
    )  # fmt: skip
    return transformers.Qwen3ForCausalLM(config).eval()


def qwen_vl(tokenizer: Any) -> tuple[Any, Any]:
    def ids(word: str) -> int:
        return int(tokenizer.convert_tokens_to_ids(word))

    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [1, 1, 2]}
    config = transformers.Qwen2_5_VLConfig(
        text_config={
            "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": len(tokenizer),
            "max_position_embeddings": 4096, "rope_parameters": rope,
            "bos_token_id": ids("<|endoftext|>"), "eos_token_id": ids("<|im_end|>"),
            "pad_token_id": ids("<|endoftext|>"),
        },
        vision_config={
            "depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2,
            "out_hidden_size": 16, "patch_size": 14, "fullatt_block_indexes": [1],
            "window_size": 112,
        },
        image_token_id=ids("<|image_pad|>"), video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"), vision_end_token_id=ids("<|vision_end|>"),
    )  # fmt: skip
    encoder = transformers.Qwen2_5_VLForConditionalGeneration(config).eval()
    return encoder, QwenProcessor(tokenizer)


class QwenProcessor:
    """What `Qwen2VLProcessor` does for pictures; the original wants torchvision, for videos."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.images = transformers.Qwen2VLImageProcessorPil(
            size={"shortest_edge": 28 * 28, "longest_edge": 28 * 28 * 16}
        )

    def __call__(self, *, text: list[str], images: Any, **options: Any) -> Any:
        seen = self.images(images=images, return_tensors="pt")
        tokens = iter((seen["image_grid_thw"].prod(-1) // self.images.merge_size**2).tolist())
        pad = "<|image_pad|>"
        filled = []
        for words in text:
            head, *rest = words.split(pad)
            filled.append(head + "".join(pad * next(tokens) + part for part in rest))
        said = self.tokenizer(filled, padding=True, return_tensors="pt")
        return transformers.BatchFeature({**said, **seen})
