"""The card of a trained model, rendered from the record of its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ggt_hf.data.format.licenses import NOBODY_SAID, forbids_commerce, forbids_derivatives
from ggt_hf.data.format.templates import render_template
from ggt_hf.hub.model_usage import KINDS, usage
from ggt_hf.training.record import RunRecord

TEMPLATE = "model_card.md"


def render_model_card(record: RunRecord, repo_id: str, pictures: Sequence[str]) -> str:
    """Return the README.md of a model.

    Args:
        record: of a finished run, without paths of a machine.
        repo_id: ``ORG/NAME``, which the examples load.
        pictures: paths in the repository of strips: input, restored, truth.
    """
    import yaml

    recipe = record.recipe
    head = yaml.safe_dump(_metadata(record, repo_id), sort_keys=False, allow_unicode=True)
    return render_template(
        TEMPLATE,
        {
            "head": head,
            "title": repo_id.partition("/")[2],
            "description": recipe["description"] or "A restorer of photographs.",
            "kind": _kind(record),
            "usage": usage(record, repo_id),
            "data": _table(["source", "pairs", "revision", "root hash"], _sources(record)),
            "mixing": _mixing(record),
            "prompt": _prompt(record),
            "training": _training(record),
            "metrics": _metrics(record),
            "gallery": _gallery(pictures),
            "limitations": _limitations(record),
            "licences": licence_text(record),
            "versions": ", ".join(f"{name} {number}" for name, number in record.versions.items()),
        },
    )


def data_licenses(record: RunRecord) -> dict[str, int]:
    """Return licence -> pairs that were trained on under it; photographs have none recorded."""
    counts: dict[str, int] = {}
    for source in record.data:
        unsaid = {NOBODY_SAID: source.get("num_photographs", 0)}
        for license, number in source.get("licenses", unsaid).items():
            counts[license] = counts.get(license, 0) + number
    return counts


def licence_text(record: RunRecord) -> str:
    """Return what the licences of the data, and of the base, mean for whoever uses the weights."""
    counts = data_licenses(record)
    lines = [f"- {license}: {number:,} pictures or pairs" for license, number in counts.items()]
    told = ["Trained on data under these licences:", "", *lines, ""]
    if any(map(forbids_commerce, counts)):
        told.append("Part of them allow non-commercial use only: use these weights likewise.")
    if any(map(forbids_derivatives, counts)):
        told.append(
            "Part of them allow no derivatives. Whether weights are derivatives of what they were "
            "trained on is not settled; do not pass these on unless you hold the rights."
        )
    if NOBODY_SAID in counts:
        told.append("Of part of them no licence is recorded: ask whoever trained this.")
    if record.model.get("base"):
        told.append(f"The licence of the base, {record.model['base']}, holds as well.")
    told.append("This is a reading of the licences, not legal advice.")
    return "\n".join(told)


def _metadata(record: RunRecord, repo_id: str) -> dict[str, Any]:
    kind, base = record.model["kind"], record.model.get("base")
    head: dict[str, Any] = {
        "library_name": KINDS[kind].library,
        "pipeline_tag": "image-to-image",
        "tags": ["image-restoration", "ggt-hf", *KINDS[kind].tags],
    }
    if base and _is_repository(base):
        head |= {"base_model": base, "base_model_relation": KINDS[kind].relation}
    if "prompt" in record.model:
        # What a restoring call asks where nobody says anything else.
        head["instance_prompt"] = record.model["prompt"]
    if datasets := [source["pairs"] for source in record.data if source.get("on_hub")]:
        head["datasets"] = datasets
    if record.validations and record.validation_data is not None:
        head["model-index"] = [_results(record, repo_id)]
    return head


def _results(record: RunRecord, repo_id: str) -> dict[str, Any]:
    data, last = record.validation_data or {}, record.validations[-1]
    dataset = {
        "name": f"{_name(data)}, {data['num_pairs']} crops of {data['crop']} px",
        "type": data["pairs"] if data.get("on_hub") else "other",
        "split": data.get("split", "simulated"),
    }
    metrics = [
        {"type": name, "value": round(last[name], 4), "name": name.upper()}
        for name in ("psnr", "ssim")
    ]
    result = {"task": {"type": "image-to-image"}, "dataset": dataset, "metrics": metrics}
    return {"name": repo_id.partition("/")[2], "results": [result]}


def _is_repository(base: str) -> bool:
    return base.count("/") == 1 and not base.startswith((".", "/"))


def _name(source: Mapping[str, Any]) -> str:
    if "photographs" in source:
        simulator = f"simulator (version {source['simulator']})"
        return f"{simulator} over {source['num_photographs']} photographs"
    return str(source["pairs"])


def _kind(record: RunRecord) -> str:
    model = record.model
    words = KINDS[model["kind"]].words.format(**{"base": "", "architecture": ""} | model)
    revision = f" at revision `{model['revision']}`" if model.get("revision") else ""
    begun = f" It goes on from `{model['base']}`{revision}." if model.get("base") else ""
    size = f" {model['num_parameters']:,} weights were trained."
    return words + begun + size


def _sources(record: RunRecord) -> list[list[str]]:
    rows = []
    for source in record.data:
        count = source.get("num_pairs") or source["num_photographs"] * source["repeats"]
        split = f", split {source['split']}" if "split" in source else ""
        rows.append(
            [
                _name(source) + split,
                f"{count:,}" + ("" if "num_pairs" in source else " an epoch"),
                f"`{source['revision']}`" if source.get("revision") else "local",
                f"`{source['root_hash']}`" if "root_hash" in source else "none",
            ]
        )
    return rows


def _mixing(record: RunRecord) -> str:
    if len(record.ratio) == 1:
        return "One source, not mixed."
    ratio = ":".join(map(str, record.ratio))
    return f"Mixed {ratio}, in the order of the table, exactly so in any {sum(record.ratio)} pairs."


def _prompt(record: RunRecord) -> str:
    if "prompt" not in record.model:
        return "It takes no prompt."
    version = record.model["prompt_version"]
    return f"Prompt ({version}), the same in training and in use:\n\n> {record.model['prompt']}"


def _training(record: RunRecord) -> str:
    recipe = record.recipe
    batch = recipe["data"]["batch_size"] * recipe["accumulate"] * record.num_processes
    optimizer, average = recipe["optimizer"], recipe["average"]
    lines = [
        f"- {record.steps:,} steps of {batch} crops of {recipe['data']['crop']} px: "
        f"{record.pairs:,} pairs seen, in {record.seconds:,.0f} s on {record.device}",
        f"- AdamW, learning rate {optimizer['rate']:g} ({optimizer['decay']}, "
        f"{optimizer['warmup']} steps of warmup), weight decay {optimizer['weight_decay']:g}, "
        f"gradients clipped at {optimizer['clip']:g}, {recipe['precision']}, seed {recipe['seed']}",
        f"- moving average of the weights with decay {average:g}" if average else "- last weights",
        f"- {record.waiting_share:.1%} of the steps' time spent waiting for data",
    ]
    if record.skipped_steps:
        lines.append(f"- {record.skipped_steps} steps left out: their gradient was no number")
    return "\n".join(lines)


def _metrics(record: RunRecord) -> str:
    data = record.validation_data
    if data is None or not record.validations:
        return "Nothing was measured: the recipe named no validation pairs."
    last = record.validations[-1]
    rows = [
        [name, f"{last[f'{key}_lq']:.{digits}f}", f"{last[key]:.{digits}f}"]
        for name, key, digits in (("PSNR (RGB), dB", "psnr", 2), ("SSIM (luma)", "ssim", 4))
    ]
    where = f"split {data['split']} of " if "split" in data else ""
    hashed = f", root hash `{data['root_hash']}`" if "root_hash" in data else ""
    origins = f" ({', '.join(data['origins'])})" if data.get("origins") else ""
    return (
        f"On {data['num_pairs']} crops of {data['crop']} px from {where}{_name(data)}{origins}"
        f"{hashed}, after step {last['step']:,}; means over pairs.\n\n"
        + _table(["metric", "input", "restored"], rows)
    )


def _gallery(pictures: Sequence[str]) -> str:
    if not pictures:
        return ""
    shown = "\n\n".join(f"![{PurePosixPath(path).stem}]({path})" for path in pictures)
    return f"From left to right: input, restored, truth.\n\n{shown}"


def _limitations(record: RunRecord) -> str:
    lines = [
        "- Detail that the input has lost may be invented: do not use results as evidence.",
        "- Numbers above are of the pairs named there; they say nothing of other photographs.",
    ]
    if any("photographs" in source for source in record.data):
        lines.append("- Part of its training pairs are simulated; real degradations differ.")
    if any("generated" in source.get("origins", {}) for source in record.data):
        lines.append(
            "- Part of its targets were made by generative models: their mistakes may be learnt."
        )
    lines += KINDS[record.model["kind"]].limitations
    return "\n".join(lines)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
