"""What contestants are given, what they are told, and what they make of it.

::

    OUT/inputs/TASK/KEY.*            the low-quality pictures, as every editor gets them
    OUT/prompts/TASK-HASH.jsonl      what an observer saw in them, as adaptive prompts
    OUT/made/CONTESTANT/TASK/        candidates, as ggt synth makes them
    OUT/ledger/                      paid calls: none is made twice

An editor that makes nothing of a picture (it refuses, fails, or returns the input) leaves its user
with the input: the input is then what is scored, and it is counted.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ggt_hf.errors import ModelError, SourceError, UsageError
from ggt_hf.evaluation.benchmark import case_seed
from ggt_hf.evaluation.cases import Case, list_cases
from ggt_hf.evaluation.ranking.contestants import Contestant, Made
from ggt_hf.evaluation.task import Task
from ggt_hf.evaluation.work import read_picture, simulated
from ggt_hf.images import encode_png, inspect
from ggt_hf.records import Source
from ggt_hf.stages import CANDIDATES, read_candidates, read_rows
from ggt_hf.synthesis.instructions import Instruction, Instructions, read_instructions
from ggt_hf.synthesis.prompters import PrompterChoice
from ggt_hf.synthesis.report import SynthOptions
from ggt_hf.synthesis.synthesize import Synthesis

INPUTS, PROMPTS, MADE, LEDGER = "inputs", "prompts", "made", "ledger"
"""Folders of a ranking."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """The pictures of a task, as files."""

    task: Task
    """Whose."""
    cases: Mapping[str, Case]
    """By key."""
    files: Mapping[str, Path]
    """Key -> the low-quality picture; absolute."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spending:
    """How money may be spent, and what is asked for."""

    max_cost: float | None = None
    """US dollars that all calls in the ledger may cost; ``None`` = no paid call at all."""
    ledger: Path | None = None
    """Folder of the ledger; ``None`` = ``OUT/ledger``."""
    num_attempts: int = 2
    """Answers to ask for, at most, until one is usable."""
    retry_unknown: bool = False
    """Make calls of unknown end again, and pay again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RankQuote:
    """What one contestant will cost at most."""

    contestant: str
    """Its name."""
    num_calls: int
    """Pictures that are still to be made."""
    price: float | None
    """US dollars an answer; ``None`` = nobody said."""
    num_attempts: int
    """Answers that may be asked for, at most, for each picture."""

    @property
    def most(self) -> float:
        """US dollars if every attempt is used; answers found in the ledger cost nothing."""
        return self.num_calls * (self.price or 0.0) * self.num_attempts


def write_inputs(task: Task, out: Path, *, limit: int | None, seed: int) -> Inputs:
    """Write the low-quality pictures of a task; those that lie there stay.

    A file that is neither cropped nor degraded here is written as it is, byte for byte.

    Raises:
        GgtError: they cannot be listed or read.
    """
    cases = {case.key: case for case in list_cases(task, limit=limit, seed=seed)}
    folder = (out / INPUTS / task.name).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    files = {key: _written(case, task, folder, seed) for key, case in cases.items()}
    return Inputs(task=task, cases=cases, files=files)


def _written(case: Case, task: Task, folder: Path, seed: int) -> Path:
    facts = f"{case.lq.mark} {case.lq.num_bytes} {task.multiple} {task.simulate} {seed}"
    mark = hashlib.sha256(facts.encode()).hexdigest()[:8]
    for path in folder.glob(f"{glob.escape(case.key)}.{mark}.*"):
        return path
    data, ending = case.lq.read(), "png"
    if task.simulate and case.category is not None:
        clean = read_picture(data, case.lq.name, task.multiple)
        data = encode_png(simulated(clean, case, case_seed(seed, task.name, case.key)))
    elif task.multiple > 1:
        data = encode_png(read_picture(data, case.lq.name, task.multiple))
    else:
        ending = inspect(data, case.lq.name).format
    path = folder / f"{case.key}.{mark}.{ending}"
    partial = folder / f".{path.name}.partial"
    partial.write_bytes(data)
    partial.replace(path)
    return path


def adaptive_prompts(inputs: Inputs, observer: PrompterChoice, out: Path, *, quiet: bool) -> Path:
    """Let an observer look at every picture that it has not seen yet; return its prompts' file."""
    from ggt_hf.engines import EngineOptions
    from ggt_hf.synthesis.prompt_file import write_prompts

    path = prompts_file(inputs.task.name, observer, out)
    path.parent.mkdir(parents=True, exist_ok=True)
    report = write_prompts(
        list(inputs.files.values()),
        observer.open,
        path,
        EngineOptions(num_workers=1 if observer.has_model else None, quiet=quiet),
        fingerprint=observer.fingerprint,
        batch_size=observer.batch_size,
    )
    if report.failures and len(report.failures) == len(inputs.files):
        raise ModelError(
            f"{observer.model} has no prompt for any picture: {report.failures[0].error}",
            hint="Choose another observer: --observer rules, or a larger model.",
        )
    return path


def prompts_file(task: str, observer: PrompterChoice, out: Path) -> Path:
    """Return where the prompts of an observer are; another observer has another file."""
    digest = hashlib.sha256(observer.fingerprint.encode()).hexdigest()[:8]
    return out / PROMPTS / f"{task}-{digest}.jsonl"


def make_pictures(
    contestant: Contestant,
    inputs: Inputs,
    instructions: Instructions,
    out: Path,
    spending: Spending,
    *,
    seed: int,
    quiet: bool,
) -> None:
    """Let a contestant make what it has not made yet; nothing is paid twice.

    Raises:
        GgtError: what ended the run early, the cap among it; what was made stays.
    """
    folder = out / MADE / contestant.name / inputs.task.name
    _refuse_other_inputs(folder, inputs)
    run = Synthesis(
        list(_sources(inputs, instructions)),
        instructions,
        contestant.editor,
        folder,
        SynthOptions(
            max_cost=spending.max_cost,
            ledger=spending.ledger or out / LEDGER,
            num_attempts=spending.num_attempts,
            seed=seed,
            retry_unknown=spending.retry_unknown,
            quiet=quiet,
        ),
    )
    report = run.run()
    if report.stopped:
        raise report.stopped


def _refuse_other_inputs(folder: Path, inputs: Inputs) -> None:
    """Refuse a folder in which pictures were made of other inputs that have the same keys."""
    for one in read_candidates(folder / CANDIDATES):
        path = inputs.files.get(one.key)
        if path and hashlib.sha256(path.read_bytes()).hexdigest() != one.lq_sha256:
            raise UsageError(
                f"{folder} holds what was made of another picture called {one.key}.",
                hint="Give another --out; answers already paid are found again with --ledger.",
            )


def made_by(contestant: Contestant, all_inputs: Sequence[Inputs], out: Path) -> tuple[Made, int]:
    """Return a contestant's pictures, and how many of them are the input given back."""
    files: dict[str, dict[str, Path]] = {}
    num_missing = 0
    for inputs in all_inputs:
        folder = out / MADE / contestant.name / inputs.task.name
        listed = {one.key: folder / one.gt_path for one in read_candidates(folder / CANDIDATES)}
        made = {key: path for key, path in listed.items() if path.is_file()}
        files[inputs.task.name] = {key: made.get(key, given) for key, given in inputs.files.items()}
        num_missing += sum(key not in made for key in inputs.files)
    return Made(name=contestant.name, stands_for=contestant.identity, files=files), num_missing


def quote(
    contestants: Sequence[Contestant],
    pictures: Mapping[str, Collection[str]],
    out: Path,
    spending: Spending,
) -> list[RankQuote]:
    """Return what is still to be made, a contestant each; nothing is written.

    Args:
        contestants: who is to make them.
        pictures: task -> keys of its pictures.
        out: the ranking's folder.
        spending: what is asked for.
    """
    wanted = {(task, key) for task, keys in pictures.items() for key in keys}
    found = []
    for one in contestants:
        done = {
            (task, str(row["key"]))
            for task in pictures
            for _, row in read_rows(out / MADE / one.name / task / CANDIDATES)
        }
        found.append(
            RankQuote(
                contestant=one.name,
                num_calls=len(wanted - done),
                price=one.editor.price,
                num_attempts=spending.num_attempts if one.editor.redraws else 1,
            )
        )
    return found


def instructions_of(contestant: Contestant, prompts: Path | None) -> Instructions:
    """Return what a contestant is told: the same of every picture, or what an observer wrote."""
    if contestant.prompts == "fixed" or prompts is None:
        return read_instructions("fixed")
    return read_instructions(str(prompts))


def _sources(inputs: Inputs, instructions: Instructions) -> Iterator[Source]:
    """Yield the photographs that there is a prompt for; nobody is told a category."""
    for key, path in inputs.files.items():
        info = inspect(path.read_bytes(), key)
        case = inputs.cases[key]
        source = Source(
            key=key,
            path=str(path),
            width=info.width,
            height=info.height,
            license=case.license,
            credit=case.credit,
        )
        if _told(instructions, source) is not None:
            yield source


def _told(instructions: Instructions, source: Source) -> Instruction | None:
    try:
        return instructions(source)
    except SourceError:
        return None
