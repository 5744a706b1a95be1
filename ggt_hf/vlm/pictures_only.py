"""Processors of models that take pictures and videos, for pictures, without torchvision.

Qwen2.5-VL, Qwen3-VL, SmolVLM, InternVL and some twenty more classes have a video processor, which
transformers builds on torchvision alone; their pictures can go through PIL. No question here holds
a video, so without torchvision the processor is put together from its other parts.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def load_processor(folder: Path, **options: Any) -> Any:
    """Load a model's processor from its files; without torchvision, for pictures only.

    Args:
        folder: where the model's files lie.
        options: as ``AutoProcessor.from_pretrained`` takes them.

    Raises:
        ImportError: the processor needs more than can be left out.
    """
    from transformers import AutoProcessor

    loader = AutoProcessor if find_spec("torchvision") else _without_videos(folder, **options)
    return (loader or AutoProcessor).from_pretrained(folder, **options)


def _without_videos(folder: Path, **options: Any) -> Any:
    """Return the processor's class less its videos; ``None`` where that is not possible.

    Their processor must stand last among the class's parts, so that nothing else moves up.
    """
    from transformers import PROCESSOR_MAPPING, AutoConfig

    config = type(AutoConfig.from_pretrained(folder, **options))
    processor: Any = PROCESSOR_MAPPING.get(config, None)
    parts = processor.get_attributes() if processor else []
    return pictures_only(processor) if parts[-1:] == ["video_processor"] else None


def pictures_only(processor: Any) -> Any:
    """Return a subclass of a processor's class, of the same name, that has no video processor."""

    def get_attributes(_cls: Any, /) -> list[str]:
        return [name for name in processor.get_attributes() if name != "video_processor"]

    def from_args_and_dict(
        cls: Any, /, args: Any, processor_dict: dict[str, Any], **more: Any
    ) -> Any:
        # `None` takes the place of the video processor: some constructors insist on one.
        kept = {name: value for name, value in processor_dict.items() if name != "video_processor"}
        return processor.from_args_and_dict.__func__(cls, [*args, None], kept, **more)

    return type(
        processor.__name__,
        (processor,),
        {
            "__doc__": processor.__doc__,
            "get_attributes": classmethod(get_attributes),
            "from_args_and_dict": classmethod(from_args_and_dict),
            # SmolVLM asks for these before it looks whether there is a video.
            "video_processor": SimpleNamespace(num_frames=None, fps=None),
        },
    )
