"""The editing pipelines of diffusers, built tiny with random weights; tokenizers made in code.

The classes are the very ones that the large models load; only widths and depths are small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import diffusers
import pytest
import torch
import transformers

from ggt_hf.synthesis.editors.families import FAMILIES
from ggt_hf.synthesis.editors.grid import Buckets, FixedArea, SizeRule
from tests.synthesis.tiny_encoders import (
    clip,
    qwen3,
    qwen_tokenizer,
    qwen_vl,
    t5,
)

SIDE = 128
"""Of a small square canvas, in pixels."""

SMALL: dict[str, SizeRule] = {
    "QwenImageEditPipeline": FixedArea(SIDE * SIDE, 32),
    "QwenImageEditPlusPipeline": FixedArea(SIDE * SIDE, 32),
    "FluxKontextPipeline": Buckets(((128, 128), (160, 96), (96, 160))),
}
"""The rules of families that work on one megapixel whatever they get, scaled down."""


def _qwen_edit(class_name: str) -> Any:
    tokenizer = qwen_tokenizer()
    encoder, processor = qwen_vl(tokenizer)
    channels = 4
    transformer = diffusers.QwenImageTransformer2DModel(
        patch_size=2, in_channels=4 * channels, out_channels=channels, num_layers=1,
        attention_head_dim=16, num_attention_heads=2, joint_attention_dim=16,
        guidance_embeds=False, axes_dims_rope=(8, 4, 4),
    )  # fmt: skip
    vae = diffusers.AutoencoderKLQwenImage(
        base_dim=4, z_dim=channels, dim_mult=[1] * 4, num_res_blocks=1,
        temperal_downsample=[False] * 3,
        latents_mean=[0.0] * channels, latents_std=[1.0] * channels,
    )  # fmt: skip
    return getattr(diffusers, class_name)(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(), vae=vae, text_encoder=encoder,
        tokenizer=tokenizer, processor=processor, transformer=transformer,
    )  # fmt: skip


def qwen_image_edit() -> Any:
    return _qwen_edit("QwenImageEditPipeline")


def qwen_image_edit_plus() -> Any:
    return _qwen_edit("QwenImageEditPlusPipeline")


def flux_kontext() -> Any:
    tokenizer, encoder = clip()
    tokenizer_2, encoder_2 = t5()
    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1, in_channels=4, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=32, pooled_projection_dim=32,
        axes_dims_rope=[4, 4, 8], guidance_embeds=True,
    )  # fmt: skip
    vae = diffusers.AutoencoderKL(
        in_channels=3, out_channels=3, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, block_out_channels=(4,) * 4, layers_per_block=1,
        latent_channels=1, norm_num_groups=1, use_quant_conv=False, use_post_quant_conv=False,
        shift_factor=0.0609, scaling_factor=1.5035,
    )  # fmt: skip
    return diffusers.FluxKontextPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(), text_encoder=encoder,
        text_encoder_2=encoder_2, tokenizer=tokenizer, tokenizer_2=tokenizer_2,
        transformer=transformer, vae=vae, image_encoder=None, feature_extractor=None,
    )  # fmt: skip


def _flux2_parts(width: int) -> dict[str, Any]:
    transformer = diffusers.Flux2Transformer2DModel(
        patch_size=1, in_channels=4, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=width, timestep_guidance_channels=256,
        axes_dims_rope=[4, 4, 4, 4], guidance_embeds=False,
    )  # fmt: skip
    vae = diffusers.AutoencoderKLFlux2(
        in_channels=3, out_channels=3, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, block_out_channels=(4,) * 4, layers_per_block=1,
        latent_channels=1, norm_num_groups=1, use_quant_conv=False, use_post_quant_conv=False,
    )  # fmt: skip
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler()
    return {"transformer": transformer, "vae": vae, "scheduler": scheduler}


def flux2_klein() -> Any:
    tokenizer = qwen_tokenizer(chat=True)
    return diffusers.Flux2KleinPipeline(
        text_encoder=qwen3(tokenizer), tokenizer=tokenizer, is_distilled=True, **_flux2_parts(16)
    )


def flux2() -> Any:
    tokenizer = qwen_tokenizer(chat=True)
    config = transformers.Mistral3Config(
        text_config={
            "model_type": "mistral", "hidden_size": 16, "intermediate_size": 16,
            "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2,
            "head_dim": 8, "vocab_size": len(tokenizer), "max_position_embeddings": 1024,
        },
        vision_config={
            "model_type": "pixtral", "hidden_size": 16, "intermediate_size": 16,
            "num_hidden_layers": 1, "num_attention_heads": 2, "head_dim": 8, "image_size": 56,
            "patch_size": 14,
        },
        image_token_index=len(tokenizer) - 1,
    )  # fmt: skip
    encoder = transformers.Mistral3ForConditionalGeneration(config).eval()
    return diffusers.Flux2Pipeline(text_encoder=encoder, tokenizer=tokenizer, **_flux2_parts(16))


def z_image() -> Any:
    """As the model is published: a pipeline of words alone, whose weights edit as well."""
    tokenizer = qwen_tokenizer(chat=True)
    transformer = diffusers.ZImageTransformer2DModel(
        in_channels=4, dim=32, n_layers=1, n_refiner_layers=1, n_heads=2, n_kv_heads=2,
        cap_feat_dim=16, axes_dims=[8, 4, 4], axes_lens=[1024, 64, 64],
    )  # fmt: skip
    vae = diffusers.AutoencoderKL(
        in_channels=3, out_channels=3, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, block_out_channels=(4,) * 4, layers_per_block=1,
        latent_channels=4, norm_num_groups=1, shift_factor=0.1, scaling_factor=0.36,
    )  # fmt: skip
    return diffusers.ZImagePipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(), vae=vae,
        text_encoder=qwen3(tokenizer), tokenizer=tokenizer, transformer=transformer,
    )  # fmt: skip


def instruct_pix2pix() -> Any:
    tokenizer, encoder = clip()
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(8, 16), layers_per_block=1, sample_size=16, in_channels=8,
        out_channels=4, norm_num_groups=4, cross_attention_dim=32, attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    vae = diffusers.AutoencoderKL(
        block_out_channels=[8] * 4, norm_num_groups=4, in_channels=3, out_channels=3,
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
        latent_channels=4,
    )  # fmt: skip
    scheduler = diffusers.EulerAncestralDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"
    )
    return diffusers.StableDiffusionInstructPix2PixPipeline(
        vae=vae, text_encoder=encoder, tokenizer=tokenizer, unet=unet, scheduler=scheduler,
        safety_checker=None, feature_extractor=None, image_encoder=None,
        requires_safety_checker=False,
    )  # fmt: skip


def instruct_pix2pix_xl() -> Any:
    tokenizer, encoder = clip()
    encoder_2 = transformers.CLIPTextModelWithProjection(encoder.config).eval()
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(8, 16), layers_per_block=1, sample_size=16, in_channels=8,
        out_channels=4, norm_num_groups=4, cross_attention_dim=64, attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), use_linear_projection=True,
        addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=80,
    )  # fmt: skip
    vae = diffusers.AutoencoderKL(
        block_out_channels=[8] * 4, norm_num_groups=4, in_channels=3, out_channels=3,
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
        latent_channels=4,
    )  # fmt: skip
    scheduler = diffusers.EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"
    )
    return diffusers.StableDiffusionXLInstructPix2PixPipeline(
        vae=vae, text_encoder=encoder, text_encoder_2=encoder_2, tokenizer=tokenizer,
        tokenizer_2=tokenizer, unet=unet, scheduler=scheduler,
    )  # fmt: skip


BUILDERS: dict[str, Callable[[], Any]] = {
    "qwen_image_edit": qwen_image_edit,
    "qwen_image_edit_plus": qwen_image_edit_plus,
    "flux_kontext": flux_kontext,
    "flux2": flux2,
    "flux2_klein": flux2_klein,
    "z_image": z_image,
    "instruct_pix2pix": instruct_pix2pix,
    "instruct_pix2pix_xl": instruct_pix2pix_xl,
}

CALLS: dict[str, dict[str, object]] = {
    "qwen_image_edit": {"true_cfg_scale": 1.0},
    "qwen_image_edit_plus": {"true_cfg_scale": 1.0},
    "flux_kontext": {"max_sequence_length": 32},
    "flux2": {"max_sequence_length": 32, "text_encoder_out_layers": (1,)},
    "flux2_klein": {"max_sequence_length": 32, "text_encoder_out_layers": (1,)},
    "z_image": {"max_sequence_length": 32},
    "instruct_pix2pix": {},
    "instruct_pix2pix_xl": {},
}
"""What a tiny build needs beside the table: it has fewer layers, and shorter texts are faster."""


def build(name: str) -> Any:
    torch.manual_seed(0)
    return BUILDERS[name]()


@contextmanager
def small_canvases(
    patch: pytest.MonkeyPatch, rules: dict[str, SizeRule] | None = None
) -> Iterator[None]:
    """One thread, and canvases of 128 x 128: the way of a pixel is the same, and short."""
    import diffusers.pipelines.qwenimage.pipeline_qwenimage_edit as one
    import diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus as plus

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for name, rule in (rules or SMALL).items():
        patch.setitem(FAMILIES, name, replace(FAMILIES[name], rule=rule))  # type: ignore[arg-type]
    area, rounded = one.calculate_dimensions, plus.calculate_dimensions
    patch.setattr(one, "calculate_dimensions", lambda _, ratio: area(SIDE * SIDE, ratio))
    patch.setattr(
        plus, "calculate_dimensions", lambda target, ratio: rounded(min(target, SIDE * SIDE), ratio)
    )
    patch.setattr(plus, "CONDITION_IMAGE_SIZE", 56 * 56)
    yield
    torch.set_num_threads(threads)
