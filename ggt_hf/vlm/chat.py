"""What every vision-language model here has in common: chats, answers, one chance to repair."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from ggt_hf.errors import AnswerError, UsageError
from ggt_hf.vlm.schema import read_json

if TYPE_CHECKING:
    from PIL import Image

    from ggt_hf.vlm.cache import AnswerCache

Picture: TypeAlias = "bytes | Image.Image"
"""An encoded JPEG, PNG or WebP, or a decoded picture."""

Schema = Mapping[str, Any]
"""A JSON Schema of an object."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What one answer took."""

    input_tokens: int = 0
    """Tokens read, pictures included; 0 where nobody counted."""
    output_tokens: int = 0
    """Tokens written; 0 where nobody counted."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a model said, and which model it was."""

    text: str
    """Its words, unchanged."""
    data: dict[str, Any] | None = None
    """The words as data that the schema allows; ``None`` without a schema, or with a `problem`."""
    problem: str | None = None
    """Why it cannot be used: the schema broken twice, or refused; ``None`` = all is well."""
    model_id: str
    """Hub id, or the name the endpoint knows it by."""
    revision: str
    """Commit, content hash or fingerprint; ``unknown`` where an endpoint does not say."""
    usage: Usage = Usage()
    """Tokens, those of a repair included."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing said in a chat."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Chat:
    """Pictures, which go into the first turn, and what was said about them."""

    pictures: tuple[Picture, ...]
    turns: tuple[Turn, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How an answer is to be written."""

    max_new_tokens: int = 512
    """Where the answer is cut off."""
    temperature: float = 0.0
    """0 = always the likeliest word, the same each time."""
    seed: int = 0
    """Of the drawing, where `temperature` is above 0."""
    schema: Schema | None = field(default=None)
    """What the answer must be; models that can be held to it are."""

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise UsageError(
                f"max_new_tokens is {self.max_new_tokens}.", hint="Give a number of 1 or more."
            )
        if not 0 <= self.temperature <= 2:
            raise UsageError(
                f"The temperature is {self.temperature}.", hint="Give a number from 0 to 2."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One model's words for one chat."""

    text: str
    usage: Usage = Usage()
    revision: str | None = None
    """Where only the reply tells it."""
    refusal: str | None = None
    """Why the model would not answer; asking again would not help."""


@runtime_checkable
class VisionLanguageModel(Protocol):
    """Answers questions about pictures."""

    @property
    def model_id(self) -> str:
        """Hub id, or the name the endpoint knows it by."""
        ...

    @property
    def revision(self) -> str:
        """What pins the model down, as far as it can be known before it is asked."""
        ...

    def ask(
        self,
        pictures: Sequence[Picture],
        question: str,
        *,
        schema: Schema | None = None,
        max_new_tokens: int = 512,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> Answer:
        """Ask one question about some pictures; AnswerError where the schema is not kept."""
        ...

    def ask_many(
        self,
        batch: Sequence[Sequence[Picture]],
        question: str,
        *,
        schema: Schema | None = None,
        max_new_tokens: int = 512,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> list[Answer]:
        """Ask the same of each element; one whose schema is not kept has a `problem`."""
        ...


class ChatModel(ABC):
    """A model that continues chats; asking, checking, repairing and remembering are here.

    Args:
        model_id: see `VisionLanguageModel`.
        revision: see `VisionLanguageModel`.
        cache: where answers are kept; ``None`` keeps none.
    """

    def __init__(self, model_id: str, revision: str, cache: AnswerCache | None = None) -> None:
        self.model_id = model_id
        self.revision = revision
        self._cache = cache

    @abstractmethod
    def reply(self, chats: Sequence[Chat], settings: Settings) -> list[Reply]:
        """Continue every chat by one turn."""

    def identity(self) -> Mapping[str, Any]:
        """Return what, beside the question, an answer depends on; part of the cache's key."""
        return {"model": self.model_id, "revision": self.revision}

    def ask(
        self,
        pictures: Sequence[Picture],
        question: str,
        *,
        schema: Schema | None = None,
        max_new_tokens: int = 512,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> Answer:
        """Ask one question about some pictures.

        Args:
            pictures: in the order the model is to see them; at least one.
            question: what to ask.
            schema: JSON Schema of the object that is wanted; a wrong answer is shown to the model
                with its error once.
            max_new_tokens: where the answer is cut off.
            temperature: 0 = deterministic.
            seed: of the drawing, where `temperature` is above 0.

        Raises:
            AnswerError: it refused, or the answer breaks the schema, and so does the second one.
            ImageError: a picture cannot be decoded.
            ModelError: the endpoint cannot be used.
        """
        [answer] = self.ask_many(
            [pictures],
            question,
            schema=schema,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            seed=seed,
        )
        if answer.problem:
            raise AnswerError(
                f"The answer of {self.model_id} cannot be used: {answer.problem}.",
                hint="Ask another model; a local one can be held to a schema (constrained=True).",
            )
        return answer

    def ask_many(
        self,
        batch: Sequence[Sequence[Picture]],
        question: str,
        *,
        schema: Schema | None = None,
        max_new_tokens: int = 512,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> list[Answer]:
        """Ask the same question of each element of a batch; arguments as for `ask`."""
        settings = Settings(
            max_new_tokens=max_new_tokens, temperature=temperature, seed=seed, schema=schema
        )
        if not question.strip() or not all(batch):
            raise UsageError(
                "A question needs words and at least one picture.",
                hint="Give a question that is not empty, and pictures to each.",
            )
        chats = [Chat(tuple(pictures), (Turn("user", question),)) for pictures in batch]
        if self._cache is None:
            return self._answers(chats, settings)
        keys = [self._cache.key(self.identity(), chat, settings) for chat in chats]
        found = [self._cache.get(key) for key in keys]
        missing = [i for i, answer in enumerate(found) if answer is None]
        fresh = dict(
            zip(missing, self._answers([chats[i] for i in missing], settings), strict=True)
        )
        for index, answer in fresh.items():
            # A broken answer is not kept: a second run is to try again.
            if answer.problem is None:
                self._cache.put(keys[index], answer)
        return [answer or fresh[i] for i, answer in enumerate(found)]

    def _answers(self, chats: Sequence[Chat], settings: Settings) -> list[Answer]:
        if not chats:
            return []
        replies = self.reply(chats, settings)
        answers = [self._judged(reply, settings) for reply in replies]
        broken = [
            i
            for i, (answer, reply) in enumerate(zip(answers, replies, strict=True))
            if answer.problem and not reply.refusal
        ]
        if broken:
            again = [_repairing(chats[i], answers[i], settings) for i in broken]
            for index, reply in zip(broken, self.reply(again, settings), strict=True):
                second = self._judged(reply, settings)
                answers[index] = replace(second, usage=answers[index].usage + second.usage)
        return answers

    def _judged(self, reply: Reply, settings: Settings) -> Answer:
        answer = Answer(
            text=reply.text,
            model_id=self.model_id,
            revision=reply.revision or self.revision,
            usage=reply.usage,
        )
        if reply.refusal:
            return replace(answer, problem=reply.refusal)
        if settings.schema is None:
            return answer
        data, problem = read_json(reply.text, settings.schema)
        return replace(answer, data=data, problem=problem)


def _repairing(chat: Chat, answer: Answer, settings: Settings) -> Chat:
    """Return the chat that goes on with the broken answer, its error and the schema."""
    complaint = (
        f"That cannot be used: {answer.problem}. Answer again with one JSON object alone, without "
        f"any other words, that keeps this JSON Schema:\n{json.dumps(settings.schema)}"
    )
    said = answer.text if answer.text.strip() else "(nothing)"
    return Chat(chat.pictures, (*chat.turns, Turn("assistant", said), Turn("user", complaint)))
