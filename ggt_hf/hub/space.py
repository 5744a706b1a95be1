"""A Space to be pushed: a few files of text, each read back as proof."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ggt_hf.hub.plan import Order, Piece, in_memory
from ggt_hf.hub.remote import RemoteState


def space_order(
    files: Mapping[str, bytes], *, private: bool, create_pr: bool, revision: str
) -> Order:
    """Return the order to make a Space hold `files`.

    Args:
        files: path -> content.
        private: who may see a Space that has to be created.
        create_pr: open a pull request instead of committing.
        revision: the branch to commit to.
    """
    held = tuple(in_memory(path, content) for path, content in files.items())

    def remarks(state: RemoteState | None, repo_id: str) -> list[str]:
        return ["The Hub builds it, which takes some minutes, and runs it on its free hardware."]

    return Order(
        folder=Path("the template"),
        subject="this Space",
        files=held,
        pieces=lambda: [
            Piece(path=file.path, offset=0, num_bytes=file.size, sha256=file.sha256)
            for file in held
        ],
        is_ours=files.__contains__,
        bulk="files",
        remarks=remarks,
        title="Push the Space",
        text="Made by ggt push space.",
        private=private,
        create_pr=create_pr,
        revision=revision,
    )
