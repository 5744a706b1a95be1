"""The files of one model at one commit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ggt_hf.errors import ModelError

DATA_FILES = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken")
"""All that loading needs: no pickles, no code."""

_ENDS = 1 << 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A folder with a model, and what pins it down."""

    folder: Path
    model_id: str
    """Hub id, or the folder's name."""
    revision: str
    """The commit, or ``sha256:...`` of a folder's content."""


def find_snapshot(
    model_id: str | Path, *, revision: str | None, token: str | None, with_code: bool
) -> Snapshot:
    """Return the files of a model; those of the Hub are downloaded once, at one commit.

    Args:
        model_id: a folder, or a Hub id.
        revision: commit, tag or branch of a Hub id.
        token: Hub token.
        with_code: also fetch Python files.

    Raises:
        ModelError: there is no such folder or model, or it cannot be reached.
    """
    folder = Path(model_id)
    if folder.is_dir():
        if revision is not None:
            raise ModelError(
                f"{model_id} is a folder; it has no revision {revision}.",
                hint="Leave the revision out: a folder is pinned by its content.",
            )
        return Snapshot(folder, folder.name, f"sha256:{content_hash(folder)}")
    return _from_hub(str(model_id), revision, token, with_code)


def content_hash(folder: Path) -> str:
    """Hash names, sizes and content of a folder's files; of large ones, both ends.

    Returns:
        16 hexadecimal digits.
    """
    whole = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in {Path(kind).suffix for kind in DATA_FILES}:
            size = path.stat().st_size
            whole.update(f"{path.name} {size} ".encode())
            with path.open("rb") as file:
                if size <= 64 * _ENDS:
                    whole.update(file.read())
                else:
                    whole.update(file.read(_ENDS))
                    file.seek(-_ENDS, 2)
                    whole.update(file.read())
    return whole.hexdigest()[:16]


def _from_hub(model_id: str, revision: str | None, token: str | None, with_code: bool) -> Snapshot:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = [*DATA_FILES, "*.py"] if with_code else [*DATA_FILES]
    try:
        folder = Path(
            snapshot_download(model_id, revision=revision, token=token, allow_patterns=patterns)
        )
    except HFValidationError as error:
        raise ModelError(
            f"There is no folder {model_id}, and it is no Hub id either.",
            hint="Give a folder, or an id such as Qwen/Qwen3-VL-8B-Instruct.",
        ) from error
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f"The Hub cannot be reached, and {model_id} is not in the cache.",
            hint="Go online once (is HF_HUB_OFFLINE set?), or give a folder.",
        ) from error
    except HfHubHTTPError as error:
        raise ModelError(
            f"The Hub does not give {model_id} at {revision or 'its main branch'}: "
            f"{str(error).strip().splitlines()[0]}",
            hint="Check id and revision; for a gated model accept its terms and set HF_TOKEN.",
        ) from error
    return Snapshot(folder, model_id, folder.name)
