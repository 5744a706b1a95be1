"""Control over HTTP, for a server in another process: faults, the request log, a fresh start."""

from __future__ import annotations

from dataclasses import asdict

from tests.hub_server.refusals import RefusalError
from tests.hub_server.wire import Request, route


def add_fault(rq: Request) -> None:
    """POST /__admin__/faults: put a fault in force; the body holds the fields of `Fault`."""
    try:
        rq.state.faults.add(**rq.json())
    except (TypeError, ValueError) as error:
        raise RefusalError(400, str(error)) from error
    rq.reply({})


def clear_faults(rq: Request) -> None:
    """DELETE /__admin__/faults."""
    rq.state.faults.clear()
    rq.reply({})


def requests(rq: Request) -> None:
    """GET /__admin__/requests: the log, oldest first."""
    rq.reply([asdict(entry) for entry in rq.state.log])


def wipe(rq: Request) -> None:
    """DELETE /__admin__/state: an empty Hub again."""
    rq.state.wipe()
    rq.reply({})


ROUTES = (
    route("POST", "/__admin__/faults", add_fault),
    route("DELETE", "/__admin__/faults", clear_faults),
    route("GET", "/__admin__/requests", requests),
    route("DELETE", "/__admin__/state", wipe),
)
