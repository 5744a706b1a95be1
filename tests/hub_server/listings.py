"""How lists are answered: a page, and a `Link` header to the next one."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.hub_server.wire import Request


def reply_page(rq: Request, items: Sequence[object], limit: int) -> None:
    """Answer with the page that the request's cursor points to."""
    start = int(rq.query.get("cursor", "0"))
    headers = {}
    if start + limit < len(items):
        query = parse_qsl(urlsplit(rq.path).query, keep_blank_values=True)
        query = [(name, value) for name, value in query if name != "cursor"]
        query.append(("cursor", str(start + limit)))
        url = f"{rq.state.hub_url}{rq.path_only}?{urlencode(query)}"
        headers["Link"] = f'<{url}>; rel="next"'
    rq.reply(items[start : start + limit], headers=headers)
