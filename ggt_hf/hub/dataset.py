"""A dataset to be pushed: its files, what is read back of them, what is to be known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ggt_hf.data.format.attribution import Attribution
from ggt_hf.data.format.schema import CARD_PATH, INFO_PATH, MANIFEST_PATH, parse_shard_path
from ggt_hf.data.reading.folder import DatasetFolder
from ggt_hf.errors import FormatError
from ggt_hf.hub.benchmark import EVAL_PATH, parse_benchmark
from ggt_hf.hub.plan import LocalFile, Order, Piece, in_memory
from ggt_hf.hub.remote import RemoteState
from ggt_hf.hub.sharing import sharing_remarks


def dataset_order(
    dataset: DatasetFolder,
    rights: Mapping[Attribution, int],
    *,
    repo_id: str,
    card: str | None,
    private: bool,
    create_pr: bool,
    revision: str,
) -> Order:
    """Return the order to push a dataset.

    Args:
        dataset: what is pushed.
        rights: its licences and credits, counted.
        repo_id: ``ORG/NAME``, which the card names.
        card: the text of README.md; made from the records unless given.
        private: who may see a repository that has to be created.
        create_pr: open a pull request instead of committing.
        revision: the branch to commit to.
    """
    made = dataset.card(attributions=rights, repo_id=repo_id) if card is None else card
    files = local_files(dataset, made)

    def remarks(state: RemoteState | None, repo_id: str) -> list[str]:
        seen_by_few = state.private if state is not None else private
        told = sharing_remarks(rights, public=not seen_by_few)
        return told + _folder_remarks(dataset, rights, repo_id, files, keeps_card=card is not None)

    info = dataset.info
    return Order(
        folder=dataset.root,
        subject="these pairs",
        files=files,
        pieces=lambda: _pieces(dataset, files),
        is_ours=is_shard,
        bulk="shards",
        remarks=remarks,
        title=f"Push {info.num_pairs:,} pairs, root hash {info.root_hash[:12]}",
        text=f"Root hash {info.root_hash}",
        private=private,
        create_pr=create_pr,
        revision=revision,
        tag=f"format-v{info.format_version}",
    )


def local_files(dataset: DatasetFolder, card: str) -> tuple[LocalFile, ...]:
    """Return every file that a repository of `dataset` is to hold; shards are not read.

    An ``eval.yaml`` beside them goes along: it makes the dataset a benchmark.

    Raises:
        FormatError: that file is no eval.yaml.
    """
    shards = [
        LocalFile(
            path=shard.path,
            content=dataset.root / shard.path,
            size=shard.num_bytes,
            sha256=shard.sha256,
        )
        for shard in dataset.info.shards
    ]
    small = {
        CARD_PATH: card.encode(),
        MANIFEST_PATH: dataset.manifest_bytes,
        INFO_PATH: dataset.info_bytes,
    }
    lying = dataset.root / EVAL_PATH
    if lying.is_file():
        small[EVAL_PATH] = lying.read_bytes()
        parse_benchmark(small[EVAL_PATH], str(lying))
    return (*shards, *(in_memory(path, data) for path, data in small.items()))


def is_shard(path: str) -> bool:
    """Say whether `path` is a shard's; only shards are ever called stale."""
    try:
        parse_shard_path(path)
    except FormatError:
        return False
    return True


def _folder_remarks(
    dataset: DatasetFolder,
    rights: Mapping[Attribution, int],
    repo_id: str,
    files: tuple[LocalFile, ...],
    *,
    keeps_card: bool,
) -> list[str]:
    remarks = []
    root: Path = dataset.root
    cards = [dataset.card(attributions=rights, repo_id=name).encode() for name in (None, repo_id)]
    lying = root / CARD_PATH
    if not keeps_card and lying.is_file() and lying.read_bytes() not in cards:
        remarks.append(f"A card is made anew; to push {lying} as it is, say --card {lying}.")
    known = {file.path for file in files}
    paths = (path for path in root.rglob("*") if path.is_file())
    others = sum(path.relative_to(root).as_posix() not in known for path in paths)
    if others:
        remarks.append(f"Files that are no part of the dataset stay here: {others}.")
    return remarks


def _pieces(dataset: DatasetFolder, files: tuple[LocalFile, ...]) -> list[Piece]:
    """Return the small files whole, and the record of one pair of each shard."""
    pieces = [
        Piece(path=file.path, offset=0, num_bytes=file.size, sha256=file.sha256)
        for file in files
        if file.path in (CARD_PATH, INFO_PATH)
    ]
    seen: set[str] = set()
    for index, shard in enumerate(dataset.manifest.table["shard"].to_pylist()):
        if shard not in seen:
            seen.add(shard)
            span = dataset.manifest.row(index).json
            pieces.append(
                Piece(path=shard, offset=span.offset, num_bytes=span.num_bytes, sha256=span.sha256)
            )
    return pieces
