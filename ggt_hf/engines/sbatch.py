"""The batch file of a Slurm array and of the merge after it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ggt_hf.errors import UsageError

_TEMPLATE = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task={cpus}
#SBATCH --requeue
#SBATCH --open-mode=append
{options}# Submit the array, and the merge that follows it:  bash {path}
# Tasks that were stopped: run that line again. What is done is not done twice.
set -euo pipefail
if [ -z "${{SLURM_ARRAY_TASK_ID:-}}" ]; then
  job=$(sbatch --parsable {path})
  sbatch --parsable --job-name={name}-merge --dependency="afterany:${{job%%;*}}" \\
    --wrap={merge}
  exit
fi
exec {command}
"""


def write_sbatch(
    path: str | Path,
    command: Sequence[str],
    *,
    num_tasks: int,
    name: str = "ggt",
    cpus_per_task: int = 1,
    options: Sequence[str] = (),
) -> None:
    """Write a batch file that runs `command` as every task of an array, and merges after it.

    Args:
        path: the file; ``bash FILE`` submits everything.
        command: the words of the command that runs one task; with ``--merge`` added it merges.
        num_tasks: size of the array.
        name: of the job.
        cpus_per_task: cores of each task.
        options: more of sbatch's options, such as ``--partition=gpu`` or ``--time=04:00:00``.

    Raises:
        UsageError: an option or name that would break out of its line, or no task at all.
    """
    if num_tasks < 1 or cpus_per_task < 1:
        raise UsageError(
            f"An array of {num_tasks} tasks with {cpus_per_task} cores each does no work.",
            hint="Ask for at least one of both.",
        )
    for word in (name, *options):
        if not word.isprintable() or (word != name and not word.startswith("--")):
            raise UsageError(
                f"{word!r} is no option of sbatch.", hint="Write it as --name=value, in one line."
            )
    Path(path).write_text(
        _TEMPLATE.format(
            name=shlex.quote(name),
            last=num_tasks - 1,
            cpus=cpus_per_task,
            options="".join(f"#SBATCH {option}\n" for option in options),
            path=shlex.quote(str(path)),
            merge=shlex.quote(shlex.join([*command, "--merge"])),
            command=shlex.join(command),
        )
    )
