"""What a training is: every field of ``RECIPE.yaml``, with its meaning, unit and default."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from ggt_hf.records import DEGRADATIONS, Degradation

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A part of a recipe; a word that it does not know is refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), use_attribute_docstrings=True
    )


class PairsRecipe(Section):
    """Pairs of a dataset that `ggt build` wrote."""

    pairs: str
    """A folder, ``ORG/NAME`` on the Hub, or the bare name ``ggt-100k``."""
    revision: str | None = None
    """Commit, tag or branch on the Hub; what it means is recorded."""
    split: str = "train"
    """The split to read."""
    categories: list[Degradation] | None = None
    """Categories to keep; all unless given."""
    min_scores: dict[str, float] | None = None
    """Metric -> least value; pairs without the score are left out."""
    max_scores: dict[str, float] | None = None
    """Metric -> greatest value; likewise."""
    licenses: list[str] | None = None
    """Licences to keep, as the manifest spells them; all unless given."""
    min_size: Count | None = None
    """Least width and height in pixels; smaller pairs are left out."""
    overlay: str | None = None
    """A file of corrections made for this dataset."""


class PhotographsRecipe(Section):
    """Clean photographs, degraded anew by the simulator each time they come."""

    photographs: str
    """A folder, searched with all below it."""
    degradations: list[Degradation] = Field(default=list(DEGRADATIONS), min_length=1)
    """What to simulate; each pair gets one of them."""
    repeats: Count = 1
    """How often each photograph comes in an epoch, each time with another crop."""


def _kind_of_source(given: Any) -> str:
    if isinstance(given, dict):
        return "photographs" if "photographs" in given else "pairs"
    return "photographs" if isinstance(given, PhotographsRecipe) else "pairs"


SourceRecipe = Annotated[
    Annotated[PairsRecipe, Tag("pairs")] | Annotated[PhotographsRecipe, Tag("photographs")],
    Discriminator(_kind_of_source),
]
"""Where pairs come from: the word ``pairs`` or ``photographs`` says which."""


class DataRecipe(Section):
    """What is trained on."""

    sources: list[SourceRecipe] = Field(min_length=1)
    """One source, or several that are mixed."""
    ratio: list[Count] | None = None
    """Pairs of each source in a row of their sum; 1:1:... unless given."""
    stop: Literal["shortest", "longest"] = "longest"
    """Which source ends an epoch; with ``longest`` the others begin again, reshuffled."""
    crop: Annotated[int, Field(ge=16)] = 256
    """Side of the square crops in pixels."""
    flip: bool = True
    """Mirror every second pair."""
    rotate: bool = False
    """Rotate by random multiples of 90 degrees."""
    shuffle: Literal["pairs", "blocks"] = "pairs"
    """``blocks`` reads neighbours together: for data far away."""
    batch_size: Count = 8
    """Pairs of one pass of one process."""
    num_workers: Annotated[int, Field(ge=0)] = 0
    """Processes that decode; 0 decodes in threads of the training process."""
    on_error: Literal["raise", "skip"] = "raise"
    """A pair that cannot be read ends the training, or is left out and recorded."""

    @model_validator(mode="after")
    def _one_ratio_a_source(self) -> DataRecipe:
        if self.ratio is not None and len(self.ratio) != len(self.sources):
            raise ValueError(f"ratio has {len(self.ratio)} numbers for {len(self.sources)} sources")
        return self


class LossRecipe(Section):
    """How far a restored picture is from the truth."""

    pixel: Literal["l1", "charbonnier", "log_charbonnier"] = "charbonnier"
    """The logarithm makes a decibel worth the same in easy and in hard pictures."""
    ssim: Annotated[float, Field(ge=0)] = 0.0
    """Weight of 1 - SSIM beside it; 0 = none."""


class OneStepRecipe(Section):
    """The one-step restorer of this package, all of its weights."""

    kind: Literal["one_step"]
    base: str | None = None
    """A restorer to go on from: a folder or ``ORG/NAME``; ``None`` begins untrained."""
    revision: str | None = None
    """Commit, tag or branch of `base`."""
    channels: list[Count] = [24, 48, 72, 96]
    """Features at 1/2, 1/4, ... of the resolution; at least four. Not with `base`."""
    blocks: list[Count] = [1, 2, 2, 3]
    """Gated blocks at each level. Not with `base`."""
    context_channels: Count = 64
    """Numbers that describe the whole picture. Not with `base`."""
    loss: LossRecipe = LossRecipe(pixel="log_charbonnier", ssim=0.5)
    """What is minimised."""

    @model_validator(mode="after")
    def _shape_or_base(self) -> OneStepRecipe:
        shape = {"channels", "blocks", "context_channels"} & self.model_fields_set
        if self.base is not None and shape:
            raise ValueError(f"{', '.join(sorted(shape))} cannot be chosen where base is given")
        if len(self.channels) != len(self.blocks) or len(self.channels) < 4:
            raise ValueError("channels and blocks must have the same length, of at least 4")
        return self


class RegressionRecipe(Section):
    """A network of spandrel's architectures (NAFNet, SwinIR, SCUNet, ...), all of its weights."""

    kind: Literal["regression"]
    architecture: str | None = None
    """Its name, as spandrel has it; not with `base`."""
    parameters: dict[str, Any] = {}
    """Arguments of the network's constructor; not with `base`."""
    base: str | None = None
    """Weights to go on from: a folder or ``ORG/NAME`` of ours, or a file of others' weights."""
    revision: str | None = None
    """Commit, tag or branch of `base`."""
    loss: LossRecipe = LossRecipe()
    """What is minimised."""

    @model_validator(mode="after")
    def _architecture_or_base(self) -> RegressionRecipe:
        if (self.architecture is None) == (self.base is None):
            raise ValueError(
                "give architecture (to begin untrained) or base (to go on), one of them"
            )
        return self


class LoraRecipe(Section):
    """A LoRA of an instruction-editing pipeline (FLUX.1 Kontext, Qwen-Image-Edit, ...)."""

    kind: Literal["lora"]
    base: str
    """The pipeline: a folder or ``ORG/NAME``; its class says how it is trained."""
    revision: str | None = None
    """Commit, tag or branch of `base`; the commit it means is recorded."""
    prompt: str | None = None
    """The instruction, in training and in use; the fixed prompt of this package unless given."""
    rank: Count = 16
    """Rank of the LoRA."""
    alpha: Count | None = None
    """The LoRA's output is scaled by ``alpha / rank``; the rank unless given."""
    targets: Annotated[list[str], Field(min_length=1)] | None = None
    """Ends of the names of the layers that get one; the attention's unless given."""
    hide: Annotated[float, Field(ge=0, le=0.33)] = 0.05
    """Share of the pairs whose prompt is hidden, of those whose input is, and of those without
    either; only for InstructPix2Pix, whose guidance needs it."""
    encoding: dict[str, Any] = {}
    """Arguments of the pipeline's ``encode_prompt``, such as ``max_sequence_length``."""


ModelRecipe = Annotated[OneStepRecipe | RegressionRecipe | LoraRecipe, Field(discriminator="kind")]


class OptimizerRecipe(Section):
    """AdamW, and how its learning rate goes."""

    rate: Annotated[float, Field(gt=0)] = 1e-4
    """Learning rate at its highest."""
    betas: tuple[Share, Share] = (0.9, 0.999)
    """Decay of the averages of the gradient and of its square."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    """Decoupled weight decay."""
    clip: Annotated[float, Field(gt=0)] = 1.0
    """Longest gradient; a longer one is scaled down to it."""
    warmup: Annotated[int, Field(ge=0)] = 50
    """Steps in which the rate rises from 0."""
    decay: Literal["constant", "linear", "cosine"] = "cosine"
    """How the rate falls after that, to a hundredth at the last step."""


class ValidationRecipe(Section):
    """Pairs that are restored during training, and compared with the truth."""

    source: SourceRecipe
    """Where they come from; they should not be trained on."""
    every: Count = 500
    """Steps between two validations; there is one before the first step and after the last."""
    count: Count = 16
    """Pairs, evenly spread over the source."""
    crop: Annotated[int, Field(ge=16)] | None = None
    """Side of the square crops in pixels; that of training unless given."""
    pictures: Annotated[int, Field(ge=0)] = 4
    """How many of them are stored as pictures: input, restored, truth."""
    inference_steps: Count = 8
    """Steps of an editing pipeline; others ignore it."""


class Recipe(Section):
    """A training, from the first line of ``RECIPE.yaml`` to the last."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    """Names the run: its folder, and its trackers' project."""
    description: str = ""
    """What it is for, in a sentence or two."""
    memory: str = "not measured"
    """What it takes, and on which machine that was measured."""
    time: str = "not measured"
    """How long it takes, and on which machine that was measured."""
    model: ModelRecipe
    """What is trained."""
    data: DataRecipe
    """What it is trained on."""
    validation: ValidationRecipe | None = None
    """What it is measured on; ``None`` = nothing."""
    optimizer: OptimizerRecipe = OptimizerRecipe()
    """How it learns."""
    steps: Count
    """Updates of the weights."""
    accumulate: Count = 1
    """Batches whose gradients make one update."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the arithmetic; weights that are trained are always float32."""
    average: Share = 0.999
    """Decay of the moving average of the weights, which is what is saved; 0 saves the last ones."""
    gradient_checkpointing: bool = False
    """Compute activations twice instead of keeping them: slower, in less memory."""
    seed: int = 0
    """Of everything drawn at random."""
    checkpoint_every: Count = 500
    """Steps between two checkpoints."""
    log_every: Count = 10
    """Steps between two lines of the log."""
    trackers: list[Literal["tensorboard", "trackio"]] | None = None
    """Where numbers go beside ``log.jsonl``; to tensorboard where it is installed, unless given."""
