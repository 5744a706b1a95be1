"""Prove that a commit on the Hub holds what was ordered: every file's hash, and bytes read back."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

from ggt_hf.errors import HubError
from ggt_hf.hub.plan import Order, Piece, differences
from ggt_hf.hub.remote import Remote

_THREADS = 8
_AGAIN = "Push again; if it stays so, tell the Hub's support."


def prove(remote: Remote, commit: str, order: Order) -> int:
    """Compare every file at `commit` with ours, and read back one record of each shard.

    The tree gives the size and hash under which the Hub keeps a file. A hash is a name and not
    yet the bytes, so that the order's pieces are read through the same URLs that readers use.

    Returns:
        How many files were compared.

    Raises:
        HubError: naming the file that differs.
    """
    state = remote.state(commit)
    if state is None:
        raise HubError(f"{remote.repo_id} is gone.", hint="Look who deleted it; push again.")
    missing, stale = differences(order.files, state, order.is_ours)
    for path in [*(file.path for file in missing), *stale]:
        found = state.files.get(path)
        what = f"{found.size:,} bytes, {found.sha256 or found.git_sha1}" if found else "nothing"
        raise HubError(
            f"{remote.repo_id}@{commit[:8]} holds under {path} something else than was sent: "
            f"{what}.",
            hint=_AGAIN,
        )
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda piece: _read_back(remote, commit, piece), order.pieces()))
    return len(order.files)


def _read_back(remote: Remote, commit: str, piece: Piece) -> None:
    found = remote.ask(
        lambda: _fetch(remote, commit, piece), doing=f"reading back a part of {piece.path}"
    )
    if hashlib.sha256(found).hexdigest() != piece.sha256:
        raise HubError(
            f"{remote.repo_id}@{commit[:8]}: {piece.path} reads back differently at byte "
            f"{piece.offset:,} than it was sent.",
            hint=_AGAIN,
        )


def _fetch(remote: Remote, commit: str, piece: Piece) -> bytes:
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    url = hf_hub_url(
        remote.repo_id,
        piece.path,
        repo_type=remote.kind,
        revision=commit,
        endpoint=remote.api.endpoint,
    )
    end = piece.offset + piece.num_bytes
    headers = build_hf_headers(token=remote.token, library_name="ggt_hf")
    headers |= {"Range": f"bytes={piece.offset}-{end - 1}", "Accept-Encoding": "identity"}
    # Redirected to another origin, the session leaves the token behind.
    response = get_session().get(url, headers=headers, follow_redirects=True)
    hf_raise_for_status(response)
    content: bytes = response.content
    return content if response.status_code == 206 else content[piece.offset : end]
