"""The one table of metrics: what each needs, which way is better, whose it is, where it is from.

PSNR, SSIM and PIQE are ours and need nothing. VLM-R is what a judge says, who has to be given. The
others are pyiqa's, an extra under a noncommercial licence; most of them download weights. Sizes of
files are stated where they are known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ggt_hf.errors import UsageError

_PYIQA = "PolyForm-Noncommercial-1.0.0"
_IQA_WEIGHTS = "https://huggingface.co/chaofengc/IQA-PyTorch-Weights/resolve/main"
_CLIP = "https://openaipublic.azureedge.net/clip/models"


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightFile:
    """A file of numbers that a metric cannot work without."""

    name: str
    """Its name on disk."""
    folder: str
    """Where it belongs: a folder below torch's hub directory, one below ``~``, or ``hf:ORG/NAME``
    for a file that the Hugging Face cache holds."""
    url: str
    """Where it can be fetched."""
    sha256: str | None = None
    """Its SHA-256, or the first digits of it that are published; ``None`` = nobody says."""
    num_bytes: int | None = None
    """Its size; ``None`` = not known here."""
    package: str | None = None
    """``module:path`` of the copy that a package on PyPI carries; ``None`` = none does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One row of the table."""

    name: str
    """How it is asked for, and the name of its column."""
    title: str
    """How tables and figures call it."""
    needs_reference: bool
    """Whether it compares with a ground truth."""
    higher_is_better: bool
    """The direction."""
    low: float
    """The least value that makes sense; ``-inf`` = no limit is known."""
    high: float
    """The greatest value that makes sense; ``inf`` = no limit is known."""
    unit: str = ""
    """Of the value; empty = a bare number."""
    license: str
    """Of the code; the weights' may bind further."""
    source: str
    """Where its definition stands."""
    pyiqa: str | None = None
    """Its name in pyiqa; ``None`` = it is ours."""
    weights: tuple[WeightFile, ...] = ()
    """Files that it loads."""
    multiple: int = 1
    """Both sides of a picture must be multiples of this; others are cropped, top left kept."""
    smallest: int = 1
    """The least side of a picture, in pixels."""
    judged: bool = False
    """Whether a judge says it, from the picture and its input: nothing here computes it."""

    @property
    def arrow(self) -> str:
        """The direction, as tables show it."""
        return "↑" if self.higher_is_better else "↓"


def _ours(name: str, title: str, source: str, *, decibels: bool) -> Metric:
    return Metric(
        name=name,
        title=title,
        needs_reference=True,
        higher_is_better=True,
        low=0.0 if decibels else -1.0,
        high=100.0 if decibels else 1.0,
        unit="dB" if decibels else "",
        license="Apache-2.0",
        source=source,
        smallest=1 if decibels else 11,
    )


def _said(name: str, title: str, source: str) -> Metric:
    return Metric(
        name=name,
        title=title,
        needs_reference=False,
        higher_is_better=True,
        low=0.0,
        high=100.0,
        license="of the judge",
        source=source,
        judged=True,
    )


def _theirs(
    name: str,
    title: str,
    source: str,
    *,
    reference: bool,
    better: str,
    span: tuple[float, float],
    weights: Sequence[WeightFile] = (),
    multiple: int = 1,
    smallest: int = 32,
    called: str | None = None,
) -> Metric:
    return Metric(
        name=name,
        title=title,
        needs_reference=reference,
        higher_is_better=better == "higher",
        low=span[0],
        high=span[1],
        license=_PYIQA,
        source=source,
        pyiqa=called or name,
        weights=tuple(weights),
        multiple=multiple,
        smallest=smallest,
    )


def _iqa(
    name: str,
    sha256: str | None = None,
    *,
    num_bytes: int | None = None,
    package: str | None = None,
) -> WeightFile:
    return WeightFile(
        name=name,
        folder="pyiqa",
        url=f"{_IQA_WEIGHTS}/{name}",
        sha256=sha256,
        num_bytes=num_bytes,
        package=package,
    )


def _clip(name: str, sha256: str, folder: str) -> WeightFile:
    return WeightFile(name=name, folder=folder, url=f"{_CLIP}/{sha256}/{name}", sha256=sha256)


def _torchvision(name: str, num_bytes: int) -> WeightFile:
    return WeightFile(
        name=name,
        folder="checkpoints",
        url=f"https://download.pytorch.org/models/{name}",
        sha256=name.rpartition("-")[2].removesuffix(".pth"),
        num_bytes=num_bytes,
    )


def _timm(model: str) -> WeightFile:
    repo = f"timm/{model}"
    name = "model.safetensors"
    return WeightFile(
        name=name, folder=f"hf:{repo}", url=f"https://huggingface.co/{repo}/resolve/main/{name}"
    )


_ALEXNET = _torchvision("alexnet-owt-7be5be79.pth", 244_408_911)
_VGG16 = _torchvision("vgg16-397923af.pth", 553_433_881)
_RESNET50 = _timm("resnet50.a1_in1k")
_CLIP_RN50 = _clip(
    "RN50.pt", "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762", "clip"
)
_CLIP_B32 = _clip(
    "ViT-B-32.pt",
    "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
    "~/.cache/clip",  # A-FINE alone looks there
)
_AFINE = (_iqa("afine.pth"), _CLIP_B32)

_WANG = "Wang et al., Image quality assessment, IEEE TIP 2004: Gaussian window 11x11, sigma 1.5"
_PEAK = "10 log10(255^2 / MSE)"
_LUMA = "luma of ITU-R BT.601 as studio swing, 16 to 235, not rounded"
_NO_LIMIT = (-math.inf, math.inf)
_ASKED = "a judge's answer of 0 to 100, the mean of both orders of the pictures"

METRICS: tuple[Metric, ...] = (
    _ours("psnr", "PSNR", f"{_PEAK}, over all of R, G and B", decibels=True),
    _ours("psnr_y", "PSNR-Y", f"{_PEAK}, on {_LUMA}", decibels=True),
    _ours("ssim", "SSIM", f"{_WANG}; mean over R, G and B", decibels=False),
    _ours("ssim_y", "SSIM-Y", f"{_WANG}; on {_LUMA}", decibels=False),
    _theirs(
        "ms_ssim", "MS-SSIM", "Wang et al., Asilomar 2003", reference=True, better="higher",
        span=(0, 1), smallest=176,
    ),
    _theirs(
        "gmsd", "GMSD", "Xue et al., IEEE TIP 2014", reference=True, better="lower", span=(0, 1)
    ),
    _theirs(
        "vif", "VIF", "Sheikh and Bovik, IEEE TIP 2006", reference=True, better="higher",
        span=(0, math.inf), smallest=48,
    ),
    _theirs(
        "lpips", "LPIPS", "Zhang et al., CVPR 2018; AlexNet, version 0.1", reference=True,
        better="lower", span=(0, math.inf), smallest=64,
        weights=[_ALEXNET, _iqa("LPIPS_v0.1_alex-df73285e.pth", "df73285e")],
    ),
    _theirs(
        "stlpips", "ST-LPIPS", "Ghildyal and Liu, ECCV 2022; shift-tolerant AlexNet",
        reference=True, better="lower", span=(0, math.inf), smallest=64,
        weights=[
            _iqa(
                "alex_shift_tolerant.pth",
                "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee",
                num_bytes=9_899_296,
                package="stlpips_pytorch:weights/vST0.0/alex_shift_tolerant.pth",
            )
        ],
    ),
    _theirs(
        "dists", "DISTS", "Ding et al., IEEE TPAMI 2020", reference=True, better="lower",
        span=(0, 1), weights=[_VGG16, _iqa("DISTS_weights-f5e65c96.pth", "f5e65c96")],
    ),
    _theirs(
        "topiq_fr", "TOPIQ-FR", "Chen et al., IEEE TIP 2024; KADID", reference=True,
        better="higher", span=(0, 1),
        weights=[_RESNET50, _iqa("cfanet_fr_kadid_res50-2c4cc61d.pth", "2c4cc61d")],
    ),
    _theirs(
        "afine_fr", "A-FINE-FR", "Chen et al., CVPR 2025; fidelity term", reference=True,
        better="lower", span=_NO_LIMIT, weights=_AFINE, multiple=32,
    ),
    _theirs(
        "afine_all", "A-FINE", "Chen et al., CVPR 2025; scaled to 0..100", reference=True,
        better="lower", span=(0, 100), weights=_AFINE, multiple=32, called="afine_all_scale",
    ),
    _theirs(
        "afine_nr", "A-FINE-NR", "Chen et al., CVPR 2025; naturalness term", reference=False,
        better="lower", span=_NO_LIMIT, weights=_AFINE, multiple=32,
    ),
    _theirs(
        "musiq", "MUSIQ", "Ke et al., ICCV 2021; KonIQ-10k", reference=False, better="higher",
        span=(0, 100), weights=[_iqa("musiq_koniq_ckpt-e95806b9.pth", "e95806b9")],
    ),
    _theirs(
        "maniqa", "MANIQA", "Yang et al., CVPRW 2022; PIPAL", reference=False, better="higher",
        span=(0, 1), called="maniqa-pipal",
        weights=[
            _timm("vit_base_patch8_224.augreg2_in21k_ft_in1k"),
            _iqa("MANIQA_PIPAL-ae6d356b.pth", "ae6d356b"),
        ],
    ),
    _theirs(
        "clipiqa", "CLIP-IQA", "Wang et al., AAAI 2023; RN50", reference=False, better="higher",
        span=(0, 1), weights=[_CLIP_RN50],
    ),
    _theirs(
        "topiq_nr", "TOPIQ-NR", "Chen et al., IEEE TIP 2024; KonIQ-10k", reference=False,
        better="higher", span=(0, 1),
        weights=[_RESNET50, _iqa("cfanet_nr_koniq_res50-9a73138b.pth", "9a73138b")],
    ),
    Metric(
        name="piqe", title="PIQE", needs_reference=False, higher_is_better=False, low=0.0,
        high=100.0, license="Apache-2.0", source="Venkatanath et al., NCC 2015", multiple=16,
        smallest=32,
    ),
    _said("vlm_r", "VLM-R", "sqrt(removal x fidelity), a definition of ours"),
    _said("vlm_removal", "VLM removal", f"how much of the degradation is gone: {_ASKED}"),
    _said("vlm_fidelity", "VLM fidelity", f"how faithful the content stays: {_ASKED}"),
)  # fmt: skip
"""Every metric; those with a reference first, those of a judge last."""

_BY_NAME = {row.name: row for row in METRICS}


def metric(name: str) -> Metric:
    """Return the row of a metric; ``-`` stands for ``_``.

    Raises:
        UsageError: there is none of that name.
    """
    found = _BY_NAME.get(name.replace("-", "_"))
    if found is None:
        raise UsageError(
            f"There is no metric {name!r}.", hint=f"Choose from {', '.join(_BY_NAME)}."
        )
    return found


def metrics_named(names: Iterable[str]) -> tuple[Metric, ...]:
    """Return the rows of several metrics, each once, in the order given.

    Raises:
        UsageError: a name is no metric's.
    """
    return tuple(dict.fromkeys(metric(name) for name in names))
