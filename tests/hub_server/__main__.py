"""Run the server as a process: `python -m tests.hub_server --root DIR`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from pathlib import Path

from tests.hub_server.server import HubServer
from tests.hub_server.state import Settings


def main() -> None:
    """Serve until killed; the first line of stdout says where."""
    defaults = Settings()
    parser = argparse.ArgumentParser(prog="python -m tests.hub_server", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of the state")
    parser.add_argument("--no-xet", action="store_true", help="offer LFS only")
    parser.add_argument("--resolve-cache", action="store_true", help="redirect regular files")
    parser.add_argument("--lfs-threshold", type=int, default=defaults.lfs_threshold)
    parser.add_argument("--part-size", type=int, default=defaults.part_size)
    parser.add_argument("--page-size", type=int, default=defaults.page_size)
    parser.add_argument("--url-ttl", type=float, default=defaults.url_ttl)
    args = parser.parse_args()
    settings = Settings(
        xet=not args.no_xet,
        resolve_cache=args.resolve_cache,
        lfs_threshold=args.lfs_threshold,
        part_size=args.part_size,
        page_size=args.page_size,
        url_ttl=args.url_ttl,
    )
    with HubServer(args.root, settings) as server:
        place = {"endpoint": server.endpoint, "cdn": server.state.cdn_url, "pid": os.getpid()}
        sys.stdout.write(json.dumps(place) + "\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
