"""How far judges agree with planted rankings: one photograph, degraded ever more.

    python -m benchmarks.judges [--judge rules --judge embedded] [--endpoint URL] [--pictures 12]

A judge scores each rung (VLM-R), and a vision-language model also chooses between every two, in
both orders. The two judges of the package observe and measure; they cannot be asked for choices.
The embedded model is also tried as what it is not: a judge by question.
"""

from __future__ import annotations

import argparse

from ggt_hf.evaluation.judging import JudgeChoice
from ggt_hf.evaluation.planted import planted_ladders, preference_agreement, score_agreement
from ggt_hf.evaluation.preference import VLMPreference
from ggt_hf.quality.thresholds import default_thresholds
from ggt_hf.quality.vlm_judge import VLMJudge
from ggt_hf.vlm import load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--judge", action="append", help="default: rules and embedded")
    parser.add_argument("--endpoint", help="base URL of an OpenAI-compatible server")
    parser.add_argument("--pictures", type=int, default=12)
    arguments = parser.parse_args()
    ladders = planted_ladders(arguments.pictures)
    num_rungs = len(ladders[0].rungs)
    print(f"{len(ladders)} photographs of the sample, {num_rungs} rungs each\n")
    print("| judge | asked for | agreement with the planted order |\n|---|---|---|")
    for name in arguments.judge or ["rules", "embedded"]:
        choice = JudgeChoice(name=name, endpoint=arguments.endpoint)
        found = score_agreement(choice.open().judge_many, ladders)
        print(f"| {name} | {'measures' if choice.observes else 'scores'} | {found} |", flush=True)
        if name == "rules" and choice.observes:
            continue
        vlm = load(name, endpoint=arguments.endpoint)
        if choice.observes:
            judge = VLMJudge(vlm, max_gap=default_thresholds().judge.max_gap)
            print(f"| {name} | scores | {score_agreement(judge.judge_many, ladders)} |", flush=True)
        found = preference_agreement(VLMPreference(vlm).prefer_many, ladders)
        print(f"| {name} | preferences | {found} |", flush=True)


if __name__ == "__main__":
    main()
