"""What each kind of trained model is, and how it is used: the words and the code of its card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ggt_hf.training.record import RunRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of model."""

    library: str
    """``library_name`` of the card."""
    relation: str
    """``base_model_relation`` of the card."""
    words: str
    """What it is, with the facts of its record filled in."""
    tags: Sequence[str] = ()
    """More tags of the card."""
    limitations: Sequence[str] = ()
    """What it cannot do, a list item each."""


KINDS = {
    "one_step": Kind(
        library="diffusers",
        relation="finetune",
        words="The one-step restorer of `ggt_hf`: a small "
        "convolutional network that restores a picture of any size in one pass.",
    ),
    "regression": Kind(
        library="ggt_hf",
        relation="finetune",
        words="A regression network, {architecture} of "
        "[spandrel](https://github.com/chaiNNer-org/spandrel), that restores a picture of any "
        "size in one pass.",
        limitations=["- A regression network averages what it cannot decide: it may look smooth."],
    ),
    "lora": Kind(
        library="diffusers",
        relation="adapter",
        words="A LoRA of rank {rank} for the editing pipeline `{pipeline}`.",
        tags=["lora", "diffusers"],
        limitations=["- An editing pipeline redraws the whole picture: faces and text may change."],
    ),
}

_RESTORE = """\
```bash
pip install 'ggt-hf[{extra}]'
ggt restore photo.jpg restored.png --model {repo}
```

```python
from PIL import Image

from ggt_hf.restoration.loading import load_restorer

pipeline = load_restorer("{repo}")
restored = pipeline(Image.open("photo.jpg")).images[0]
```"""

_LORA = """\
```bash
pip install 'ggt-hf[edit]'
ggt restore photo.jpg restored.png --model {base} --lora {repo} --prompt "{prompt}"
```

```python
import torch
from diffusers import {pipeline}
from PIL import Image

pipeline = {pipeline}.from_pretrained("{base}", dtype=torch.bfloat16).to("cuda")
pipeline.load_lora_weights("{repo}")
restored = pipeline(image=Image.open("photo.jpg"), prompt="{prompt}").images[0]
```"""


def usage(record: RunRecord, repo_id: str) -> str:
    """Return the card's examples."""
    model = record.model
    if model["kind"] == "lora":
        prompt = str(model["prompt"]).replace('"', "'")
        named = {name: model[name] for name in ("pipeline", "base")}
        return _LORA.format(**named, repo=repo_id, prompt=prompt)
    extra = "regression" if model["kind"] == "regression" else "restore"
    return _RESTORE.format(extra=extra, repo=repo_id)
