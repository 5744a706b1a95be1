"""Where a run computes: the accelerator, its name, and the memory it took."""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ggt_hf.errors import UsageError
from ggt_hf.training.history import chosen_trackers

if TYPE_CHECKING:
    from accelerate import Accelerator

    from ggt_hf.training.recipe import Recipe


@contextmanager
def open_accelerator(recipe: Recipe, out: Path, device: str | None) -> Iterator[Accelerator]:
    """Open an accelerator; it is forgotten afterwards, so that the next run may want another.

    Raises:
        UsageError: there is no such device.
        MissingExtraError: a tracker that the recipe wants is not installed.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, GradientState
    from accelerate.utils import GradientAccumulationPlugin

    _refuse_device(device)
    trackers = chosen_trackers(recipe.trackers)
    before = os.environ.get("ACCELERATE_TORCH_DEVICE")
    if device is not None:
        os.environ["ACCELERATE_TORCH_DEVICE"] = device
    AcceleratorState._reset_state(reset_partial_state=True)
    try:
        yield Accelerator(
            cpu=device == "cpu",
            mixed_precision="bf16" if recipe.precision == "bfloat16" else "no",
            gradient_accumulation_plugin=GradientAccumulationPlugin(
                num_steps=recipe.accumulate, sync_with_dataloader=False
            ),
            log_with=list(trackers) or None,
            project_dir=str(out / "tensorboard"),
        )
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()
        if before is None:
            os.environ.pop("ACCELERATE_TORCH_DEVICE", None)
        else:
            os.environ["ACCELERATE_TORCH_DEVICE"] = before


def _refuse_device(device: str | None) -> None:
    import torch

    if device is None:
        return
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(
            f"There is no device {device!r} here.", hint="Leave --device out, or give cpu."
        ) from error


def device_name(accelerator: Accelerator) -> str:
    """Return what the record calls the device: the GPU's name, or the kind of processor."""
    import torch

    if accelerator.device.type == "cuda":
        return str(torch.cuda.get_device_name(accelerator.device))
    return f"{accelerator.device.type} ({platform.machine()}, {torch.get_num_threads()} threads)"


def peak_memory(accelerator: Accelerator) -> int | None:
    """Return the most bytes that were held, of the GPU or of main memory; ``None`` = unknown."""
    import torch

    if accelerator.device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(accelerator.device))
    if accelerator.device.type == "cpu" and platform.system() == "Linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return None
