"""Any chat model of the Hub that sees, run here by transformers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ggt_hf.errors import MissingExtraError, ModelError
from ggt_hf.images import decode
from ggt_hf.progress import wanted
from ggt_hf.vlm.chat import Chat, ChatModel, Picture, Reply, Schema, Settings, Usage
from ggt_hf.vlm.embedded import EMBEDDED_ID
from ggt_hf.vlm.pictures_only import load_processor
from ggt_hf.vlm.snapshot import Snapshot, find_snapshot

if TYPE_CHECKING:
    from PIL import Image

    from ggt_hf.vlm.cache import AnswerCache

Quantization = Literal["4bit", "8bit"]


class LocalVLM(ChatModel):
    """A vision-language model in this process; make one by `from_pretrained`.

    Args:
        model: a transformers model for image-text-to-text, in evaluation mode.
        processor: its processor, with a chat template.
        snapshot: which files it was loaded from.
        identity: how it was loaded, where that may change its answers.
        batch_size: pictures' chats that are answered at once.
        constrained: hold answers to their schema, word by word (needs xgrammar).
        cache: where answers are kept; ``None`` keeps none.
    """

    def __init__(
        self,
        model: Any,
        processor: Any,
        snapshot: Snapshot,
        *,
        identity: Mapping[str, Any],
        batch_size: int = 4,
        constrained: bool = False,
        cache: AnswerCache | None = None,
    ) -> None:
        super().__init__(snapshot.model_id, snapshot.revision, cache)
        self.model = model
        self.processor = processor
        self.batch_size = batch_size
        self.constrained = constrained
        self._loading = dict(identity)

    @classmethod
    def from_pretrained(
        cls,
        model_id: str | Path,
        *,
        revision: str | None = None,
        name: str | None = None,
        device_map: str | Mapping[str, Any] | None = None,
        dtype: str = "auto",
        quantization: Quantization | None = None,
        trust_remote_code: bool = False,
        token: str | None = None,
        batch_size: int = 4,
        constrained: bool = False,
        cache: AnswerCache | None = None,
    ) -> LocalVLM:
        """Load a model: weights, configuration and processor of one and the same commit.

        Args:
            model_id: Hub id or folder.
            revision: commit, tag or branch; what it means today is resolved once and recorded.
            name: what answers call it; ``None`` = the id, or the folder's name.
            device_map: as transformers takes it; ``None`` = one GPU if there is one, else the CPU.
            dtype: ``auto`` (as the weights are kept), ``float32``, ``bfloat16`` or ``float16``.
            quantization: load the weights in 4 or 8 bits (needs bitsandbytes).
            trust_remote_code: run Python files of the repository. Read them first.
            token: Hub token.
            batch_size: chats that are answered at once.
            constrained: hold answers to their schema (needs xgrammar).
            cache: where answers are kept; ``None`` keeps none.

        Raises:
            ModelError: there is no such model, it is no chat model that sees, or it has no
                safetensors weights.
            MissingExtraError: transformers, torch, bitsandbytes or xgrammar is not installed.
        """
        transformers = _transformers()
        if constrained:
            _require("xgrammar", "vlm-constrained", "Holding a model to a schema")
        snapshot = find_snapshot(
            model_id, revision=revision, token=token, with_code=trust_remote_code
        )
        options = {"trust_remote_code": trust_remote_code, "local_files_only": True}
        if name is not None:
            snapshot = replace(snapshot, model_id=name)
        with _clear_loading(snapshot.model_id), _progress_as_wanted(snapshot.model_id):
            processor = load_processor(snapshot.folder, **options)
            model = transformers.AutoModelForImageTextToText.from_pretrained(
                snapshot.folder,
                dtype=dtype,
                device_map=device_map or _best_device(),
                use_safetensors=True,
                quantization_config=_quantization(quantization),
                **options,
            ).eval()
        _check_chats(processor, snapshot.model_id)
        return cls(
            model,
            processor,
            snapshot,
            identity={
                "dtype": str(model.dtype),
                "quantization": quantization,
                "pictures": type(processor.image_processor).__name__,  # by torchvision or PIL
            },
            batch_size=batch_size,
            constrained=constrained,
            cache=cache,
        )

    def identity(self) -> Mapping[str, Any]:
        """Return model, revision and how the weights were loaded."""
        return {**super().identity(), **self._loading, "constrained": self.constrained}

    def reply(self, chats: Sequence[Chat], settings: Settings) -> list[Reply]:
        """Continue every chat, in batches; one by one where answers are drawn.

        A drawn answer must not depend on its neighbours in the batch, so it gets no neighbours.
        """
        size = 1 if settings.temperature else self.batch_size
        parts = (chats[start : start + size] for start in range(0, len(chats), size))
        return [reply for part in parts for reply in self._generate(part, settings)]

    def _generate(self, chats: Sequence[Chat], settings: Settings) -> list[Reply]:
        import torch

        tokenizer = self.processor.tokenizer
        inputs = self.processor.apply_chat_template(
            [_messages(chat) for chat in chats],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True, "padding_side": "left"},
        ).to(self.model.device, dtype=self.model.dtype)
        with torch.inference_mode(), _seeded(settings):
            written = self.model.generate(
                **inputs,
                max_new_tokens=settings.max_new_tokens,
                logits_processor=self._constraint(settings.schema),
                pad_token_id=_pad_token(tokenizer),
                **_drawing(settings),
            )
        if not self.model.config.is_encoder_decoder:
            written = written[:, inputs["input_ids"].shape[1] :]
        counts = inputs["attention_mask"].sum(dim=1).tolist()
        return [
            Reply(
                text=tokenizer.decode(ids, skip_special_tokens=True),
                usage=Usage(input_tokens=count, output_tokens=_length(ids.tolist(), tokenizer)),
            )
            for ids, count in zip(written, counts, strict=True)
        ]

    def _constraint(self, schema: Schema | None) -> list[Any] | None:
        if not self.constrained or schema is None:
            return None
        from ggt_hf.vlm.constraint import schema_processor

        return [schema_processor(self.processor.tokenizer, self.model, schema)]


def _messages(chat: Chat) -> list[dict[str, Any]]:
    """Return a chat as `apply_chat_template` takes it; the pictures open the first turn."""
    shown = [{"type": "image", "image": _decoded(picture)} for picture in chat.pictures]
    messages: list[dict[str, Any]] = [
        {"role": turn.role, "content": [{"type": "text", "text": turn.text}]} for turn in chat.turns
    ]
    messages[0]["content"] = [*shown, *messages[0]["content"]]
    return messages


def _decoded(picture: Picture) -> Image.Image:
    from PIL import Image

    if isinstance(picture, bytes):
        return Image.fromarray(decode(picture, "A picture of the question"))
    return picture.convert("RGB")


def _drawing(settings: Settings) -> dict[str, Any]:
    """Return generate's arguments; the model's own defaults of drawing are switched off."""
    if settings.temperature:
        return {"do_sample": True, "temperature": settings.temperature, "top_k": 0, "top_p": 1.0}
    # None: no warning that a greedy search ignores what the model's file says of drawing.
    return {"do_sample": False, "temperature": None, "top_k": None, "top_p": None}


@contextmanager
def _seeded(settings: Settings) -> Iterator[None]:
    """Draw from the seed, and leave the process's own random state as it was."""
    import torch

    if not settings.temperature:
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        yield


def _pad_token(tokenizer: Any) -> int | None:
    padding: int | None = tokenizer.pad_token_id
    return tokenizer.eos_token_id if padding is None else padding


def _length(ids: list[int], tokenizer: Any) -> int:
    """Count the tokens up to and with the first end of the answer."""
    ends = [ids.index(end) + 1 for end in {tokenizer.eos_token_id, _pad_token(tokenizer)} & {*ids}]
    return min(ends, default=len(ids))


def _transformers() -> Any:
    _require("torch", "vlm", "A local vision-language model")
    _require("transformers", "vlm", "A local vision-language model")
    import transformers

    return transformers


def _require(package: str, extra: str, feature: str) -> None:
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise MissingExtraError.of(package, extra, feature)


def _best_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _quantization(wanted: Quantization | None) -> Any:
    if wanted is None:
        return None
    _require("bitsandbytes", "vlm-quantized", f"Loading weights in {wanted}")
    import torch

    return _transformers().BitsAndBytesConfig(
        load_in_4bit=wanted == "4bit",
        load_in_8bit=wanted == "8bit",
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


@contextmanager
def _clear_loading(model_id: str) -> Iterator[None]:
    # What transformers raises on files that are missing, foreign or broken.
    try:
        yield
    except ImportError as error:
        raise ModelError(
            f"{model_id} needs a package that is missing or broken: {_first_line(error)}",
            hint="Install what the message names.",
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"{model_id} cannot be loaded as a vision-language model: {_first_line(error)}",
            hint="Choose an image-text-to-text model with safetensors weights; if its code lies "
            "in its repository, read that and pass trust_remote_code=True.",
        ) from error


@contextmanager
def _progress_as_wanted(model_id: str) -> Iterator[None]:
    """Keep transformers' bars off where nobody is to see any, and for what loads in no time."""
    logging = _transformers().utils.logging
    if (wanted() and model_id != EMBEDDED_ID) or not logging.is_progress_bar_enabled():
        yield
        return
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.enable_progress_bar()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def _check_chats(processor: Any, model_id: str) -> None:
    tokenizer = getattr(processor, "tokenizer", None)
    if tokenizer is None or not (
        getattr(processor, "chat_template", None) or tokenizer.chat_template
    ):
        raise ModelError(
            f"{model_id} has no chat template.",
            hint="Choose an instruction-tuned model, whose name often ends in -Instruct or -it.",
        )
