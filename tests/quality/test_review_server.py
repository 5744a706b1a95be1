"""The review server from outside: who gets in, what gets out, and what survives."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ggt_hf.errors import FormatError, SourceError, UsageError
from ggt_hf.quality import review_server
from ggt_hf.quality.candidate_folder import CandidateFolder
from ggt_hf.quality.decisions import pair_id, read_reviews
from ggt_hf.quality.review import export_review, open_review
from ggt_hf.quality.review_server import ReviewServer
from tests.making import picture
from tests.quality.folders import make_candidate, make_folder, write_candidates


@pytest.fixture
def folder(tmp_path: Path) -> CandidateFolder:
    return CandidateFolder(make_folder(tmp_path / "candidates", 3))


@pytest.fixture
def server(folder: CandidateFolder) -> Iterator[ReviewServer]:
    with open_review(folder, "ada") as opened:
        yield opened


def ask(
    server: ReviewServer,
    path: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    **headers: str,
) -> tuple[int, dict[str, str], bytes]:
    """One request as it is written: no client tidies the path up."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body=body, headers=named)
    answer = connection.getresponse()
    found = (answer.status, dict(answer.getheaders()), answer.read())
    connection.close()
    return found


def home(server: ReviewServer) -> str:
    return urlsplit(server.url).path


def decide(server: ReviewServer, row: object, **headers: str) -> int:
    ours = {"Content_Type": "application/json", "Origin": f"http://127.0.0.1:{server.port}"}
    body = row if isinstance(row, bytes) else json.dumps(row).encode()
    path = f"{home(server)}decide"
    return ask(server, path, method="POST", body=body, **{**ours, **headers})[0]


def test_the_page_and_its_pictures_are_served_with_a_strict_policy(
    server: ReviewServer, folder: CandidateFolder
) -> None:
    status, headers, page = ask(server, home(server))
    assert status == 200
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in headers
    assert b"pair-002" in page
    assert b"tests" not in page.replace(b"The tests", b""), "the editor is not told"
    status, headers, data = ask(server, f"{home(server)}picture/1/gt")
    assert (status, headers["Content-Type"]) == (200, "image/png")
    assert data == folder.read(folder.candidates[1])[1]


@pytest.mark.parametrize("path", ["/", "/wrong/", "/wrong/picture/0/lq", "", "//", "/%00/"])
def test_without_the_token_there_is_nothing(server: ReviewServer, path: str) -> None:
    assert ask(server, path or "/x")[0] == 404


@pytest.mark.parametrize(
    "rest",
    [
        "../candidates.jsonl",
        "picture/../../candidates.jsonl",
        "picture/0/../../../etc/passwd",
        "picture/0/%2e%2e%2f%2e%2e%2fcandidates.jsonl",
        "picture/-1/lq",
        "picture/3/lq",
        "picture/٣/lq",
        "picture/99999999999999999999/lq",
        "picture/0/lq/x",
        "picture/0/json",
        "candidates.jsonl",
        "reviews/ada.jsonl",
    ],
)
def test_no_path_leads_out(server: ReviewServer, rest: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    # Written by hand, since http.client refuses some of these.
    connection.connect()
    request = f"GET {home(server)}{rest} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n"
    connection.sock.sendall(request.encode())
    assert b" 404 " in connection.sock.recv(4096).split(b"\r\n")[0]
    connection.close()


def test_another_host_name_is_refused(server: ReviewServer) -> None:
    assert ask(server, home(server), Host="evil.example")[0] == 404
    assert ask(server, home(server), Host=f"localhost:{server.port}")[0] == 200


def test_only_our_page_decides(server: ReviewServer, folder: CandidateFolder) -> None:
    candidate = folder.candidates[0]
    row = {"key": candidate.key, "pair": pair_id(candidate), "choice": "accept", "reason": ""}
    assert decide(server, row, Origin="http://evil.example") == 404
    assert decide(server, row, Content_Type="text/plain") == 404
    assert decide(server, row | {"key": "nobody"}) == 400
    assert decide(server, row | {"choice": "delete"}) == 400
    assert decide(server, row | {"choice": ["accept"]}) == 400
    assert decide(server, row | {"pair": "another"}) == 400
    assert decide(server, b"{") == 400
    assert decide(server, b"[" * 5000) == 400
    assert decide(server, b"x" * 9000) == 413
    assert read_reviews(folder.root, folder.candidates)["ada"] == {}
    assert decide(server, row) == 200
    assert read_reviews(folder.root, folder.candidates)["ada"][candidate.key].choice == "accept"


def test_a_decision_holds_only_for_the_pictures_that_were_seen(
    server: ReviewServer, folder: CandidateFolder
) -> None:
    candidate = folder.candidates[0]
    row = {"key": candidate.key, "pair": pair_id(candidate), "choice": "reject", "reason": "x"}
    assert decide(server, row) == 200
    new = make_candidate(folder.root, candidate.key, picture(8), picture(9))
    assert read_reviews(folder.root, [new])["ada"] == {}


def test_a_changed_picture_is_not_shown(server: ReviewServer, folder: CandidateFolder) -> None:
    (folder.root / folder.candidates[0].gt_path).write_bytes(b"<script>")
    assert ask(server, f"{home(server)}picture/0/gt")[0] == 404


@pytest.mark.parametrize("length", ["9" * 5000, "0" * 9 + "9" * 7, "-5", "1e3", "²", ""])
def test_a_length_that_is_none_is_refused(server: ReviewServer, length: str) -> None:
    assert decide(server, b"", Content_Length=length) == 413


def test_a_body_that_never_comes_ends_the_connection(
    server: ReviewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_server._Handler, "timeout", 0.2)
    with pytest.raises(http.client.RemoteDisconnected):  # not an answer that the disk is full
        decide(server, b"", Content_Length="50")


@pytest.mark.parametrize("name", ["../ada", "Ada", "", "a" * 65, "a/b", "con.", "ädä"])
def test_a_reviewer_is_called_like_a_file(folder: CandidateFolder, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be called"):
        open_review(folder, name)


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "a/../../b.png", ""])
def test_candidates_cannot_name_files_outside(tmp_path: Path, path: str) -> None:
    from dataclasses import replace

    made = make_candidate(tmp_path, "one", picture(1), picture(2))
    write_candidates(tmp_path, [replace(made, gt_path=path)])
    with pytest.raises(FormatError, match="not in its folder"):
        CandidateFolder(tmp_path)


def test_nothing_to_review_is_said(folder: CandidateFolder, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="None of the 3"):
        open_review(folder, "ada", only=[])
    with pytest.raises(SourceError, match="no candidates"):
        CandidateFolder(tmp_path / "nowhere")


def test_a_taken_port_is_named(server: ReviewServer, folder: CandidateFolder) -> None:
    with pytest.raises(UsageError, match=str(server.port)):
        open_review(folder, "ben", port=server.port)


def test_decisions_survive_a_kill(folder: CandidateFolder) -> None:
    """Every decision that was answered is there after kill -9, torn line or not."""
    command = ["review", str(folder.root), "--reviewer", "ada", "--no-open"]
    child = subprocess.Popen(
        [sys.executable, "-m", "ggt_hf", *command], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    url = urlsplit(child.stdout.readline().strip())
    for candidate in folder.candidates[:2]:
        connection = http.client.HTTPConnection("127.0.0.1", url.port or 0, timeout=120)
        row = {"key": candidate.key, "pair": pair_id(candidate), "choice": "unsure"}
        headers = {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{url.port}"}
        connection.request("POST", f"{url.path}decide", json.dumps(row), headers)
        assert connection.getresponse().status == 200
        connection.close()
    child.kill()
    child.wait()
    path = folder.root / "reviews" / "ada.jsonl"
    with path.open("ab") as file:
        file.write(b'{"key":"pair-002","choi')
    assert list(read_reviews(folder.root, folder.candidates)["ada"]) == ["pair-000", "pair-001"]
    with open_review(folder, "ada") as again:
        last = folder.candidates[2]
        assert decide(again, {"key": last.key, "pair": pair_id(last), "choice": "accept"}) == 200
    assert len(path.read_text().splitlines()) == 3


def test_an_export_needs_no_server(folder: CandidateFolder, tmp_path: Path) -> None:
    page = export_review(folder, "ada", tmp_path / "page")
    assert page.read_text().count("pair-00") >= 3
    shown = sorted(path.name for path in (tmp_path / "page/pictures").iterdir())
    assert shown[:2] == ["00000.gt.png", "00000.lq.png"] and len(shown) == 6
    with pytest.raises(UsageError, match="not empty"):
        export_review(folder, "ada", tmp_path / "page")
