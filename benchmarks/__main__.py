"""Run the benchmarks of this folder one after the other, each with its own defaults."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

PARTS = (
    "__init__",
    "__main__",
    "contender",
    "corpus",
    "good_tones",
    "limit_choice",
    "peers",
    "planted_tables",
)
"""What other benchmarks are made of."""

OF_PHOTOGRAPHS = ("contamination", "planted_faults")
"""What needs more photographs than come with the package."""


def main() -> None:
    known = [path.stem for path in sorted(Path(__file__).parent.glob("*.py"))]
    known = [name for name in known if name not in PARTS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(known)}")
    given = parser.parse_args().names
    if unknown := set(given) - set(known):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    failed = []
    for name in given or known:
        print(f"\n## {name}\n", flush=True)
        if name in OF_PHOTOGRAPHS:
            print(f"needs photographs: python -m benchmarks.{name} -h")
        elif subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
