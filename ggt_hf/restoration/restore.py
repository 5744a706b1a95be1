"""Restore files and folders: one file's failure is reported, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ggt_hf.errors import GgtError, WriteError
from ggt_hf.progress import Advance, bar, wanted
from ggt_hf.records import ImageFormat
from ggt_hf.restoration.instructing import Instruction, Wording
from ggt_hf.restoration.jobs import Job, Ledger, plan_jobs
from ggt_hf.restoration.loading import Restorer, load_restorer, silent_loading

if TYPE_CHECKING:
    from PIL import Image

ColourFix = Literal["wavelet", "statistics"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RestoreSettings:
    """What a result depends on, besides its file."""

    model: str
    """``embedded``, a folder, or ``ORG/NAME``."""
    revision: str | None = None
    """Commit, tag or branch on the Hub."""
    strength: float = 1.0
    """Share of the correction; 0 = the input."""
    color_fix: ColourFix | None = None
    """How colours are brought back to the input's."""
    tile: int | None = None
    """Side of the tiles in pixels; ``None`` chooses by the free memory."""
    format: ImageFormat | None = None
    """Encoding of the results; ``None`` keeps each file's."""
    instruction: Instruction = field(default_factory=Instruction)
    """What an instruction-editing restorer is asked; other restorers are asked nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A file that could not be restored."""

    source: Path
    """The file."""
    cause: str
    """What is wrong, naming the file."""
    hint: str
    """What to do next."""


@dataclass(kw_only=True, slots=True)
class RestoreReport:
    """What a run did, or would do."""

    jobs: list[Job]
    """All files, in the order in which they are taken."""
    restored: list[Path] = field(default_factory=list)
    """Results written."""
    failures: list[Failure] = field(default_factory=list)
    """Files that could not be restored."""
    prompts: dict[Path, str] = field(default_factory=dict)
    """Result -> the words with which it was asked for, where there were any."""

    @property
    def skipped(self) -> list[Path]:
        """Results that were there already."""
        return [job.target for job in self.jobs if job.action == "skip"]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON holds it."""
        return {
            "restored": [str(path) for path in self.restored],
            "skipped": [str(path) for path in self.skipped],
            "failed": [{k: str(v) for k, v in asdict(one).items()} for one in self.failures],
            "files": [
                {
                    "source": str(job.source),
                    "target": str(job.target),
                    "action": job.action,
                    "prompt": self.prompts.get(job.target),
                }
                for job in self.jobs
            ],
        }


def restore_files(
    inputs: Sequence[Path],
    out: Path,
    settings: RestoreSettings,
    *,
    overwrite: bool = False,
    dry_run: bool = False,
    device: str | None = None,
    offload: str = "none",
    token: str | None = None,
    quiet: bool = False,
) -> RestoreReport:
    """Restore photographs; results that were there already are skipped.

    Args:
        inputs: files and folders.
        out: the folder of the results, or with one file given, its result.
        settings: model, strength, format, ...
        overwrite: restore again, and replace what stands in the way.
        dry_run: only say what would be done.
        device: where to compute; a GPU where there is one, unless given.
        offload: ``model`` or ``sequential`` keeps weights in main memory until they are needed.
        token: of the Hub.
        quiet: show no progress.

    Raises:
        UsageError: the arguments cannot be meant.
        GgtError: the restorer cannot be loaded.
        WriteError: the results cannot be written.
    """
    jobs, ledger = plan_jobs(
        inputs, out, form=settings.format, settings=asdict(settings), overwrite=overwrite
    )
    report = RestoreReport(jobs=jobs)
    report.failures += [_in_the_way(job) for job in jobs if job.action == "refuse"]
    due = [job for job in jobs if job.action == "restore"]
    if due and not dry_run:
        wording = settings.instruction.wording()
        restorer = _loaded(settings, device, offload, token, quiet=quiet)
        run = _Run(
            settings=settings, wording=wording, restorer=restorer, ledger=ledger, report=report
        )
        sizes = {job.source: _num_bytes(job.source) for job in due}
        with bar("Restoring", sum(sizes.values()), quiet=quiet) as advance:
            for job in due:
                run.take(job, _Share(sizes[job.source], advance))
    for target in (job.target for job in jobs):
        if prompt := ledger.prompt_of(target):
            report.prompts[target] = prompt
    return report


def _loaded(
    settings: RestoreSettings, device: str | None, offload: str, token: str | None, *, quiet: bool
) -> Restorer:
    options = settings.instruction.options(offload)
    with nullcontext() if wanted() and not quiet else silent_loading():
        restorer = load_restorer(
            settings.model, device=device, revision=settings.revision, token=token, editing=options
        )
    restorer.set_progress_bar_config(disable=True)
    return restorer


def _num_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # it has gone since; that is said when it is read


class _Share:
    """Moves a bar by a file's share as its tiles are done; the rest at its end."""

    def __init__(self, size: int, advance: Advance) -> None:
        self._left, self._size, self._advance = size, size, advance

    def __call__(self, pipeline: Any, done: int, total: int) -> None:
        step = min(self._left, self._size // total)
        self._left -= step
        self._advance(step)

    def finish(self) -> None:
        self._advance(self._left)
        self._left = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """A restorer at work."""

    settings: RestoreSettings
    wording: Wording
    restorer: Restorer
    ledger: Ledger
    report: RestoreReport

    def take(self, job: Job, share: _Share) -> None:
        """Restore one file; what is wrong with it goes into the report."""
        call = self.settings.instruction.call(self.restorer)
        try:
            self._restore(job, call, share)
            self.report.restored.append(job.target)
        except WriteError:
            raise
        except GgtError as error:
            self._fail(job, error.message, error.hint)
        except (ValueError, RuntimeError, MemoryError) as error:
            # Too small for the network, or too large for the memory.
            less = "a smaller --tile" if not call else "--offload model, or a smaller --tile"
            cause = f"{job.source} cannot be restored: {error}"
            self._fail(job, cause, f"If memory ran out, give {less}.")
        share.finish()

    def _fail(self, job: Job, cause: str, hint: str) -> None:
        self.report.failures.append(Failure(source=job.source, cause=cause, hint=hint))

    def _restore(
        self, job: Job, call: dict[str, Any], share: Callable[[Any, int, int], None]
    ) -> None:
        from ggt_hf.restoration.photograph import (
            read_photograph,
            refuse_lost_alpha,
            write_photograph,
        )

        photograph = read_photograph(job.source)
        refuse_lost_alpha(photograph, job.format, job.target)
        if call:
            call["prompt"] = self.wording(job.source) or self.restorer.prompt
        made = self.restorer(
            photograph.image,
            tile=self.settings.tile or "auto",
            strength=self.settings.strength,
            color_fix=self.settings.color_fix,
            callback_on_tile_end=share,
            return_dict=False,
            **call,
        )
        restored: Image.Image = made[0][0]
        try:
            self.ledger.write(job.source, job.target, call.get("prompt"))
            write_photograph(photograph, restored, job.target, job.format)
        except OSError as error:
            raise WriteError(
                f"{job.target} cannot be written: {error.strerror or error}.",
                hint="Make room, or give a folder that may be written to; then run it again.",
            ) from error


def _in_the_way(job: Job) -> Failure:
    return Failure(
        source=job.source,
        cause=f"{job.target} is there, and no earlier run with this folder's ledger made it.",
        hint="Give another folder, or --overwrite to replace it.",
    )


def pictures_of(report: RestoreReport) -> Iterator[Job]:
    """Yield the files that have a result, in order."""
    made = {*report.restored, *report.skipped}
    for job in report.jobs:
        if job.target in made:
            yield job
