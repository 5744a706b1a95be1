"""Run every benchmark of this folder, one after the other, each with its own defaults.

python -m benchmarks
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PARTS = ("__init__", "__main__", "contender", "corpus", "peers")
"""What other benchmarks are made of."""


def main() -> None:
    failed = []
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem in PARTS:
            continue
        print(f"\n## {path.stem}\n", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{path.stem}"]).returncode:
            failed.append(path.stem)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
