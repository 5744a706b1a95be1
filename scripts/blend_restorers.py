"""Average two restorers that were trained from the same weights on.

    python scripts/blend_restorers.py FIRST_DIR SECOND_DIR OUT_DIR [--share 0.5] [--doubt 0]

Each is a folder that scripts/train_embedded_restorer.py wrote (OUT_DIR/restorer). Weights that
share a beginning can be averaged, and what comes of it is often better than both (Wortsman et al.,
2022): here one restores boldly, the other knows when to do little. `--doubt` is that of
`ggt_hf.restoration.network.OneStepRestorer`: small changes of colour are half believed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from ggt_hf.restoration.network import OneStepRestorer
from ggt_hf.restoration.pipelines.one_step import OneStepRestorationPipeline


def blend(first: Path, second: Path, out: Path, share: float, doubt: float) -> None:
    """Write the restorer whose weights lie between those of two others.

    Args:
        first: a restorer's folder.
        second: another one's, of the same shape.
        out: where to write.
        share: how much of the second one, from 0 to 1.
        doubt: what it doubts, as a share of white.
    """
    networks = [
        OneStepRestorationPipeline.from_pretrained(folder).restorer for folder in (first, second)
    ]
    states = [network.float().state_dict() for network in networks]
    blended = {name: torch.lerp(states[0][name], states[1][name], share) for name in states[0]}
    shape = {name: networks[0].config[name] for name in ("channels", "blocks", "context_channels")}
    network = OneStepRestorer(**shape, doubt=doubt)
    network.load_state_dict(blended)
    OneStepRestorationPipeline(network.to(torch.float16)).save_pretrained(out)
    facts = [json.loads((folder / "training.json").read_text()) for folder in (first, second)]
    told = {"first": facts[0], "second": facts[1], "share": share, "doubt": doubt}
    (out / "training.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Read the arguments and blend."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", type=Path, metavar="FIRST_DIR")
    parser.add_argument("second", type=Path, metavar="SECOND_DIR")
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--share", type=float, default=0.5, help="of the second (%(default)s)")
    parser.add_argument("--doubt", type=float, default=0.0, help="levels of 255 (%(default)s)")
    arguments = parser.parse_args()
    doubt = round(arguments.doubt / 255, 6)
    blend(arguments.first, arguments.second, arguments.out, arguments.share, doubt)


if __name__ == "__main__":
    main()
