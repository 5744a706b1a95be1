"""The Hub of one test process, and how clients inside and outside of it are pointed at it.

huggingface_hub and datasets read their endpoint and folders from the environment when they are
imported. So one server is started for the whole process, before either is imported, and each test
gets it emptied: `start` sets the environment, `Hub.refresh` empties server and caches.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tests.hub_server.accounts import ALICE
from tests.hub_server.server import HubServer
from tests.hub_server.state import Settings

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Mode = Literal["xet", "lfs"]
"""How clients move large files: through Xet storage, or through Git LFS."""

REPOSITORY = Path(__file__).parents[2]

QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    "HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": "2",
    "HF_XET_CLIENT_RETRY_BASE_DELAY": "100ms",
    "HF_HUB_DOWNLOAD_TIMEOUT": "20",
    "HF_HUB_ETAG_TIMEOUT": "20",
}
"""Environment of every client: nothing asked outside, no progress bars, faults met quickly."""


class Hub(HubServer):
    """The server of this process, with the clients' side of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "server", Settings())
        self.folder = folder
        self.home = folder / "home"
        self.mode: Mode = "xet"
        self._homes = 0

    def environment(self) -> dict[str, str]:
        """What this process's clients are set to; `refresh` adds the mode."""
        return QUIET | {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(self.home),
            "HF_TOKEN": ALICE,
        }

    def refresh(self, mode: Mode) -> None:
        """Empty the server and the caches of this process's clients, and set their mode.

        The Xet cache stays, since a Xet session may hold it open; what it remembers, the server
        remembers too.
        """
        from datasets import config
        from huggingface_hub import HfFileSystem, constants
        from huggingface_hub.utils import _xet

        self.reset()
        self.configure(xet=mode == "xet")
        self.mode = mode
        constants.HF_HUB_DISABLE_XET = mode == "lfs"
        os.environ["HF_HUB_DISABLE_XET"] = "1" if mode == "lfs" else "0"
        _xet.XET_CONNECTION_INFO_CACHE.clear()
        HfFileSystem.clear_instance_cache()
        config.USE_PARQUET_EXPORT = False
        for cache in (constants.HF_HUB_CACHE, config.HF_DATASETS_CACHE):
            shutil.rmtree(cache, ignore_errors=True)

    def api(self, token: str | bool = ALICE) -> HfApi:
        """A client inside this process; `token=False` for an anonymous one."""
        from huggingface_hub import HfApi

        return HfApi(endpoint=self.endpoint, token=token)

    def env(
        self, *, token: str | None = ALICE, home: Path | None = None, mode: Mode | None = None
    ) -> dict[str, str]:
        """The environment of a client in another process.

        Its HF_HOME is fresh unless given; its mode is that of this process unless given.
        """
        if home is None:
            self._homes += 1
            home = self.folder / "homes" / str(self._homes)
        env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        env |= self.environment() | {"HF_HOME": str(home)}
        env["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), env.get("PYTHONPATH", "")])
        env["HF_HUB_DISABLE_XET"] = "1" if (mode or self.mode) == "lfs" else "0"
        if token is None:
            del env["HF_TOKEN"]
        else:
            env["HF_TOKEN"] = token
        return env

    def run_python(
        self, *arguments: str, env: dict[str, str] | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run the interpreter on code (`"-c", code`) or a module (`"-m", name, ..`) as a client.

        The output is captured; a failure is the caller's to judge by `returncode`.
        """
        return subprocess.run(
            [sys.executable, *arguments],
            env=env or self.env(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


def start() -> Hub:
    """Start this process's Hub and point its clients at it.

    Raises:
        RuntimeError: If a client was imported before, and so reads another endpoint.
    """
    early = {"huggingface_hub", "datasets"} & sys.modules.keys()
    if early:
        raise RuntimeError(f"start the hub before importing {', '.join(sorted(early))}")
    folder = Path(tempfile.mkdtemp(prefix="hub-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    hub = Hub(folder).start()
    for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING"))]:
        del os.environ[name]
    os.environ.update(hub.environment())
    return hub
