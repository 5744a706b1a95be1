"""Requests to one Hub: who asks, how patiently, and what a refusal means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from ggt_hf.data.reading.remote.retrying import (
    PASSING,
    Patience,
    RetryPolicy,
    SetbackError,
    asked_delay,
)
from ggt_hf.errors import GgtError, HubError, ReadError
from ggt_hf.version import __version__

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")


class HubClient:
    """Sends requests through the session of `huggingface_hub`, so that its settings hold.

    Args:
        endpoint: the Hub's URL; ``None`` = HF_ENDPOINT or the public Hub.
        token: ``None`` = HF_TOKEN or the stored one.
        policy: how patient to be.
    """

    def __init__(self, endpoint: str | None, token: str | None, policy: RetryPolicy) -> None:
        from huggingface_hub import constants

        self.endpoint = (endpoint or constants.ENDPOINT).rstrip("/")
        self.patience = Patience(policy)
        self._token = token
        self._origin = urlsplit(self.endpoint)[:2]

    def serves(self, url: str) -> bool:
        """Say whether `url` is the Hub itself: nobody else may see the token."""
        return urlsplit(url)[:2] == self._origin

    @contextmanager
    def stream(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        follow: bool = False,
    ) -> Iterator[httpx2.Response]:
        """Send a request and yield its response, body unread; `follow` redirects or not.

        Raises:
            SetbackError: the connection failed, now or while the body is read.
            HubError: HF_HUB_OFFLINE forbids it.
        """
        import httpx2
        from huggingface_hub import get_session
        from huggingface_hub.errors import OfflineModeIsEnabled

        policy = self.patience.policy
        timeout = httpx2.Timeout(policy.read_timeout, connect=policy.connect_timeout, pool=None)
        try:
            with get_session().stream(
                method,
                url,
                headers={**self._headers(url), **(headers or {})},
                timeout=timeout,
                follow_redirects=follow,
            ) as response:
                yield response
        except OfflineModeIsEnabled as error:
            raise HubError(
                f"{urlsplit(url).path} is not in the cache, and HF_HUB_OFFLINE is set.",
                hint="Read it once online, or unset HF_HUB_OFFLINE.",
            ) from error
        except httpx2.TransportError as error:
            raise SetbackError(f"{type(error).__name__}: {error or 'no details'}") from error
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise HubError(f"{url!r} is no URL: {error}.", hint="Check HF_ENDPOINT.") from error

    def ask(
        self,
        method: str,
        url: str,
        *,
        read: Callable[[httpx2.Response], T],
        name: str,
        follow: bool = False,
    ) -> T:
        """Return what `read` takes from the Hub's answer, asking again after passing setbacks.

        Raises:
            HubError: the Hub refuses.
            ReadError: it gave no answer; `name` says of what.
        """

        def step() -> T:
            with self.stream(method, url, follow=follow) as response:
                insist_on_service(response)
                if response.status_code >= 400:
                    raise refusal(response.status_code, response.headers, name, self.endpoint)
                response.read()
                return read(response)

        return self.patience.until_done(step, lambda cause: unreachable(name, cause))

    def _headers(self, url: str) -> dict[str, str]:
        from huggingface_hub import get_token

        headers = {"User-Agent": f"ggt-hf/{__version__}", "Accept-Encoding": "identity"}
        token = (self._token or get_token()) if self.serves(url) else None
        return headers | ({"Authorization": f"Bearer {token}"} if token else {})


def insist_on_service(response: httpx2.Response) -> None:
    """Raise a `SetbackError` for a status that passes by itself."""
    if response.status_code in PASSING:
        raise SetbackError(
            f"status {response.status_code}", asked_delay=asked_delay(response.headers)
        )


def unreachable(name: str, cause: str) -> ReadError:
    """Return the error of a read that was given up."""
    return ReadError(
        f"{name}: {cause}.",
        hint="Check the connection and the Hub's status page, then run the same again.",
    )


def refusal(status: int, headers: Mapping[str, str], name: str, endpoint: str) -> GgtError:
    """Return what a refusal of the Hub means, and what to do about it."""
    code = headers.get("x-error-code", "")
    said = headers.get("x-error-message", "")
    if code == "GatedRepo":
        return HubError(
            f"{name}: access is gated ({said or status}).",
            hint=f"Accept its conditions at {endpoint}, then give a token in HF_TOKEN.",
        )
    if code == "RevisionNotFound":
        return HubError(f"{name}: no such revision.", hint="List them on its page on the Hub.")
    if code == "EntryNotFound":
        return HubError(
            f"{name}: no such file in the repository.", hint="Check its name and the revision."
        )
    if status == 401 and "credentials" in said:
        return HubError(
            f"{name}: the Hub does not know this token.",
            hint="Run: hf auth login; or fix HF_TOKEN.",
        )
    if code == "RepoNotFound" or status in (401, 404):
        return HubError(
            f"{name}: no such dataset at {endpoint}, or it is private.",
            hint="Check the name; for a private one give a token in HF_TOKEN or by --token.",
        )
    return HubError(
        f"{name}: the Hub refused with status {status}{f' ({said})' if said else ''}.",
        hint="Check the token's rights.",
    )
