"""Run every benchmark of this folder, one after the other, each with its own defaults.

python -m benchmarks
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PARTS = ("__init__", "__main__", "contender", "corpus", "limit_choice", "peers", "planted_tables")
"""What other benchmarks are made of."""

OF_PHOTOGRAPHS = ("contamination", "planted_faults")
"""What needs more photographs than come with the package."""


def main() -> None:
    failed = []
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem in PARTS:
            continue
        if path.stem in OF_PHOTOGRAPHS:
            print(f"\n## {path.stem}\n\nneeds photographs: python -m benchmarks.{path.stem} -h")
            continue
        print(f"\n## {path.stem}\n", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{path.stem}"]).returncode:
            failed.append(path.stem)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
