"""What all routes share: settings, storage, faults, the log, open uploads, signed urls."""

from __future__ import annotations

import hmac
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.hub_server.accounts import DEFAULT_ACCOUNTS, Account
from tests.hub_server.faults import Faults
from tests.hub_server.log import RequestLog
from tests.hub_server.repos import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How the server behaves where the real one leaves room."""

    xet: bool = True
    """Offer Xet storage; without it every Xet route answers 404."""
    accounts: Mapping[str, Account] = field(default_factory=lambda: DEFAULT_ACCOUNTS)
    """Accepted tokens."""
    lfs_threshold: int = 10_000_000
    """Bytes from which a file is LFS whatever its name."""
    lfs_globs: tuple[str, ...] = (
        "*.safetensors",
        "*.tar",
        "*.bin",
        "*.parquet",
        "*.zip",
        "*.gz",
        "*.pt",
        "*.msgpack",
    )
    """Names that are LFS whatever their size."""
    part_size: int = 16_000_000
    """Bytes of one part of a multipart upload; smaller files take one PUT."""
    page_size: int = 1000
    """Entries of one page of a listing."""
    url_ttl: float = 3600
    """Seconds a signed url lives; negative for urls that are born expired."""
    resolve_cache: bool = False
    """Redirect regular files to `/api/resolve-cache`, as the real Hub does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """An LFS object on its way in."""

    oid: str
    size: int


class State:
    """Everything that outlives one request."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(root)
        self.faults = Faults()
        self.log = RequestLog()
        self.uploads: dict[str, Upload] = {}
        self.hub_url = ""
        self.cdn_url = ""
        self.era = 0
        self._secret = uuid.uuid4().bytes

    def open_upload(self, oid: str, size: int) -> str:
        """Expect an LFS object; the returned id in a url is the right to send it."""
        upload_id = uuid.uuid4().hex
        self.uploads[upload_id] = Upload(oid=oid, size=size)
        return upload_id

    def signed_url(self, path: str) -> str:
        """A url of the cdn that needs no token and expires."""
        expires = repr(time.time() + self.settings.url_ttl)
        return f"{self.cdn_url}{path}?exp={quote(expires)}&sig={self._signature(path, expires)}"

    def is_signed(self, path: str, expires: str, signature: str) -> bool:
        """Whether a signature fits and has not expired."""
        return (
            hmac.compare_digest(signature, self._signature(path, expires))
            and float(expires) > time.time()
        )

    def expire_urls(self) -> None:
        """Refuse every url that was signed until now."""
        self._secret = uuid.uuid4().bytes

    def wipe(self) -> None:
        """Return to an empty Hub without faults and without history."""
        self.era += 1
        self.faults.clear()
        self.log.clear()
        self.uploads.clear()
        self.store.wipe()

    def _signature(self, path: str, expires: str) -> str:
        return hmac.new(self._secret, f"{path} {expires}".encode(), "sha256").hexdigest()[:32]
