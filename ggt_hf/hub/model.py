"""A trained model to be pushed: its files, its card, and what its data's licences mean."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ggt_hf.data.format.licenses import forbids_derivatives
from ggt_hf.errors import UsageError
from ggt_hf.hub.model_card import data_licenses, licence_text, render_model_card
from ggt_hf.hub.plan import LocalFile, Order, Piece, in_memory
from ggt_hf.hub.remote import RemoteState
from ggt_hf.training.record import MODEL, PICTURES, RECORD, RunRecord

CARD, RECIPE, GALLERY = "README.md", "recipe.yaml", "gallery"

_ALLOWED = {".safetensors", ".json", ".txt", ".model"}
"""Weights, configurations and tokenizers: nothing that can run code when it is loaded."""
_PIECE_BYTES = 1 << 16


def model_order(
    folder: Path,
    *,
    repo_id: str,
    private: bool,
    create_pr: bool,
    revision: str,
    acknowledge_derivatives: bool,
) -> Order:
    """Return the order to push the model of a run.

    Args:
        folder: the run's.
        repo_id: ``ORG/NAME``, which the card names.
        private: who may see a repository that has to be created.
        create_pr: open a pull request instead of committing.
        revision: the branch to commit to.
        acknowledge_derivatives: publish weights although their data allow no derivatives.

    Raises:
        UsageError: the run is not finished, its model holds something else than safetensors and
            configurations, or a licence is in the way.
        FormatError: its record cannot be read.
    """
    record = RunRecord.read(folder)
    if not record.finished or not (folder / MODEL).is_dir():
        raise UsageError(
            f"The run in {folder} is not finished: {record.steps} of "
            f"{record.recipe['steps']} steps are done.",
            hint="Run the same ggt train command again; it goes on where it stopped.",
        )
    told = _without_paths(asdict(record))
    shown = RunRecord(**told)
    _refuse_derivatives(shown, private=private, acknowledged=acknowledge_derivatives)
    files = (*_weights(folder / MODEL), *_words(shown, repo_id, _pictures(folder, record)))

    def remarks(state: RemoteState | None, repo_id: str) -> list[str]:
        consequences = [line for line in licence_text(shown).splitlines() if line[:1].isupper()]
        return [line for line in consequences if not line.endswith(":")]

    return Order(
        folder=folder,
        subject="these weights",
        files=files,
        pieces=lambda: [_piece(file) for file in files],
        is_ours=_is_ours,
        bulk="files of weights and pictures",
        remarks=remarks,
        title=f"Push {record.recipe['name']}, {record.steps:,} steps",
        text=f"Trained by ggt train; {RECORD} has the record of the run.",
        private=private,
        create_pr=create_pr,
        revision=revision,
    )


def _refuse_derivatives(record: RunRecord, *, private: bool, acknowledged: bool) -> None:
    bound = [license for license in data_licenses(record) if forbids_derivatives(license)]
    if bound and not private and not acknowledged:
        raise UsageError(
            f"The weights were trained on data under {', '.join(bound)}, which allows no "
            "derivatives to be shared.",
            hint="Push privately, or, if you hold the rights, say --acknowledge-derivatives.",
        )


def _weights(model: Path) -> Iterator[LocalFile]:
    """Yield the model's files.

    Raises:
        UsageError: one of them is of a kind that is not shared.
    """
    for path in sorted(path for path in model.rglob("*") if path.is_file()):
        if path.suffix not in _ALLOWED:
            raise UsageError(
                f"{path} is no safetensors file and no configuration.",
                hint="Take it out of the folder; weights are shared as safetensors only.",
            )
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        name = path.relative_to(model).as_posix()
        yield LocalFile(path=name, content=path, size=path.stat().st_size, sha256=digest)


def _words(record: RunRecord, repo_id: str, pictures: dict[str, bytes]) -> Iterator[LocalFile]:
    """Yield card, record, recipe and pictures."""
    import yaml

    stored = json.dumps(asdict(record), indent=2, ensure_ascii=False) + "\n"
    recipe = yaml.safe_dump(record.recipe, sort_keys=False, allow_unicode=True)
    yield in_memory(CARD, render_model_card(record, repo_id, list(pictures)).encode())
    yield in_memory(RECORD, stored.encode())
    yield in_memory(RECIPE, recipe.encode())
    for path, data in pictures.items():
        yield in_memory(path, data)


def _pictures(folder: Path, record: RunRecord) -> dict[str, bytes]:
    """Return path in the repository -> picture, of the last validation."""
    if not record.validations:
        return {}
    last = folder / PICTURES / f"step-{record.validations[-1]['step']:06d}"
    return {f"{GALLERY}/{path.name}": path.read_bytes() for path in sorted(last.glob("*.png"))}


def _without_paths(value: Any) -> Any:
    """Return a nested record whose paths of this machine are shortened to their last part."""
    if isinstance(value, dict):
        return {name: _without_paths(inside) for name, inside in value.items()}
    if isinstance(value, list):
        return [_without_paths(inside) for inside in value]
    if not isinstance(value, str) or "/" not in value or len(value) > 1000:
        return value
    local = value.startswith(("/", "~", ".")) or Path(value).exists()
    return Path(value).name if local else value


def _is_ours(path: str) -> bool:
    return path.endswith((".safetensors", ".safetensors.index.json")) or path.startswith(
        f"{GALLERY}/"
    )


def _piece(file: LocalFile) -> Piece:
    """Return the first bytes of a file; the whole of a short one."""
    length = min(file.size, _PIECE_BYTES)
    if isinstance(file.content, bytes):
        head = file.content[:length]
    else:
        with file.content.open("rb") as opened:
            head = opened.read(length)
    digest = hashlib.sha256(head).hexdigest()
    return Piece(path=file.path, offset=0, num_bytes=length, sha256=digest)
