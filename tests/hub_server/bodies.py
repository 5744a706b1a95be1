"""File bodies in both directions, a block at a time, and every fault that can befall them."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from tests.hub_server.faults import Fault
from tests.hub_server.refusals import Headers, RefusalError
from tests.hub_server.wire import BLOCK, Request


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a file that an answer carries."""

    start: int
    length: int
    total: int
    partial: bool

    @property
    def content_range(self) -> str:
        """Value of the `Content-Range` header."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{self.total}"


def wanted_span(header: str | None, size: int) -> Span:
    """Read a `Range` header; anything but one plain byte range means the whole file.

    Raises:
        RefusalError: 416, if the range lies beyond the file.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", (header or "").strip())
    if not match or not (match[1] or match[2]):
        return Span(0, size, size, False)
    if match[1]:
        start = int(match[1])
        stop = min(int(match[2]) + 1, size) if match[2] else size
    else:
        start, stop = max(0, size - int(match[2])), size
    if start >= stop:
        outside = {"Content-Range": f"bytes */{size}"}
        raise RefusalError(416, "Range Not Satisfiable", headers=outside)
    return Span(start, stop - start, size, True)


def send_file(rq: Request, path: Path, headers: Headers) -> None:
    """Answer with a file, whole or the range asked for, through the request's fault."""
    fault = rq.fault
    header = None if fault.ignore_range else rq.headers.get("Range")
    span = wanted_span(header, path.stat().st_size)
    head: dict[str, object] = {
        "Content-Type": "application/octet-stream",
        "Accept-Ranges": "bytes",
        **headers,
    }
    if span.partial:
        head["Content-Range"] = span.content_range
    if fault.truncate is not None:
        span = replace(span, length=min(span.length, fault.truncate))
    chunked = fault.chunked_cut is not None
    head |= {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": span.length}
    if fault.lost_response:
        rq.hang_up()
    rq.start(206 if span.partial else 200, head)
    if rq.command == "HEAD":
        return
    with path.open("rb") as file:
        file.seek(span.start)
        for block in _blocks(file, span, fault):
            rq.entry.sent += len(block)  # first: a client that has them all may ask the log at once
            rq.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
    if fault.cut is not None and fault.cut < span.length and not fault.clean_end:
        rq.hang_up()
    if chunked:
        rq.wfile.write(b"0\r\n\r\n")


def _blocks(file: BinaryIO, span: Span, fault: Fault) -> Iterator[bytes]:
    """The bytes to send, cut into blocks where the fault pauses, at the pace it sets."""
    stop = span.length if fault.cut is None else min(span.length, fault.cut)
    pace = BLOCK if fault.slow is None else max(1, fault.slow // 10)
    done = 0
    while done < stop:
        if done == fault.stall_after:
            time.sleep(fault.stall_s)
        want = min(pace, stop - done)
        if fault.stall_after is not None and done < fault.stall_after:
            want = min(want, fault.stall_after - done)
        block = file.read(want)
        if not block:
            return
        yield _corrupted(block, span.start + done, fault.corrupt)
        done += len(block)
        if fault.slow is not None:
            time.sleep(0.1)


def _corrupted(block: bytes, offset: int, target: int | None) -> bytes:
    """The block, with the target byte inverted if the block, at this offset, holds it."""
    if target is None or not offset <= target < offset + len(block):
        return block
    damaged = bytearray(block)
    damaged[target - offset] ^= 0xFF
    return bytes(damaged)


def receive_file(rq: Request, path: Path) -> str:
    """Write the request's body to a file, through the request's fault; return its md5."""
    digest, fault, got = hashlib.md5(), rq.fault, 0
    with path.open("wb") as file:
        for block in rq.blocks():
            got += len(block)
            if fault.cut_upload_after is not None and got >= fault.cut_upload_after:
                rq.hang_up()
            file.write(bytes(len(block)) if fault.discard_upload else block)
            digest.update(block)
    return digest.hexdigest()
