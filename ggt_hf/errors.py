"""Everything this package raises on purpose.

GgtError
├── UsageError             an argument that cannot be meant
├── MissingExtraError      an optional dependency is not installed
├── ImageError             encoded bytes that are no usable picture
├── SourceError            what was given cannot become pairs
├── FormatError            a dataset on disk or on the Hub breaks the shard format
│   ├── IncompleteError    it was never finished
│   └── IntegrityError     its bytes are not the bytes that were written
├── EditorError            an editor cannot be loaded, or refuses whatever it is asked
├── BudgetError            a paid call that the user did not allow
├── StageError             the workers of a stage cannot start
├── TrainingError          a training that leads nowhere
├── OverlapError           data to train on hold pictures of a test set
├── ReadError              bytes could not be fetched
├── WriteError             bytes could not be stored
├── HubError               the Hub refused, or holds something else than was sent
└── ModelError             a model or its endpoint cannot be used
    └── AnswerError        it answered, but not what was asked

Each error names the thing, the cause, and the next step (`hint`).
"""

from __future__ import annotations


class GgtError(Exception):
    """The root of the tree.

    Args:
        message: what went wrong, naming the file, key or option concerned.
        hint: what to do next, as an imperative sentence.
    """

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.hint)


def _rebuild(kind: type[GgtError], message: str, hint: str) -> GgtError:
    """Unpickle an error that crossed a process boundary (keyword-only arguments do not)."""
    return kind(message, hint=hint)


class UsageError(GgtError):
    """An argument, option or configuration value that cannot be meant."""


class MissingExtraError(GgtError):
    """A feature needs an optional dependency that is not installed."""

    @classmethod
    def of(cls, package: str, extra: str, feature: str) -> MissingExtraError:
        """Return the error for `feature`, which needs `package` from the extra `extra`."""
        return cls(
            f"{feature} needs the package {package}, which is not installed.",
            hint=f"Run: pip install 'ggt-hf[{extra}]'",
        )


class ImageError(GgtError):
    """Encoded bytes that are not a complete picture of a supported kind and sane size."""


class SourceError(GgtError):
    """What the user gave cannot become pairs."""


class FormatError(GgtError):
    """A dataset breaks the shard format."""


class IncompleteError(FormatError):
    """A dataset whose last file, ``meta/info.json``, was never written."""


class IntegrityError(FormatError):
    """Stored bytes differ from what the manifest or the Hub recorded of them."""


class EditorError(GgtError):
    """An editor cannot be loaded, or refuses all it is asked: a wrong key, model or account."""


class BudgetError(GgtError):
    """A paid call that the user did not allow: no price, no cap, or no consent."""


class StageError(GgtError):
    """The workers of a stage cannot start; what single units fail at is recorded instead."""


class TrainingError(GgtError):
    """A training that leads nowhere: its gradients are no finite numbers any more."""


class OverlapError(GgtError):
    """Data to train on hold pictures of a test set."""


class ReadError(GgtError):
    """Bytes could not be fetched: the network, the server or the disk gave up."""


class WriteError(GgtError):
    """Bytes could not be stored: the disk is full, or not writable."""


class HubError(GgtError):
    """The Hub refused, or holds something else than was sent."""


class ModelError(GgtError):
    """A model cannot be loaded, or its endpoint cannot be used."""


class AnswerError(ModelError):
    """A model answered, but not as the schema asks, twice."""
