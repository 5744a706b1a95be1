"""Workers on a Ray cluster: actors that set up once, each with the resources it holds.

The process that started the stage writes all outcomes, so that actors on other machines need no
disk in common with it.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ggt_hf.engines.ledger import Ledger
from ggt_hf.engines.local import Batch, chunk_size, refuse_unpicklable, setup_failed
from ggt_hf.engines.stage import Attempt, Outcome, Recipe, Unit, describe
from ggt_hf.errors import GgtError, MissingExtraError, StageError
from ggt_hf.progress import Advance
from ggt_hf.stages import LineLog

_MANY_MACHINES = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Ray's variable. Where it is 0, Ray does not turn 127.0.0.1 into an address others reach."""

_SECONDS = 2.0
"""What an actor is given at once lasts about so long."""


def work_off(
    recipe: Recipe,
    units: Sequence[Unit],
    ledger: Ledger,
    num_workers: int | None,
    *,
    num_gpus: float,
    advance: Advance,
) -> None:
    """Work on every unit by actors; their outcomes are appended to one part file.

    Args:
        recipe: the work; it travels to the actors by pickle.
        units: what is to be done.
        ledger: where outcomes go.
        num_workers: actors, each with one CPU; ``None`` = as many as the cluster has room for.
        num_gpus: GPUs that each actor holds; may be a fraction.
        advance: called for each finished unit.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: the work cannot travel to another process.
        StageError: the set-up failed, or the cluster has no room for one actor.
    """
    ray = require_ray()
    refuse_unpicklable(recipe)
    with _cluster(ray, num_workers), LineLog(ledger.new_part()) as log:
        batches = recipe.batches(units)
        size = min(num_workers or len(batches), _room(ray.cluster_resources(), num_gpus))
        actors = _Actors(ray, recipe, min(size, len(batches)), num_gpus)
        for outcome in actors.outcomes(batches):
            log.append(outcome)
            advance()


class _Worker:
    """What an actor is: the work after its set-up."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._attempt: Attempt | None = None

    def prepare(self) -> None:
        self._attempt = self._recipe.prepare()

    def attempt(self, batches: Sequence[Batch]) -> list[dict[str, Any]]:
        if self._attempt is None:
            raise RuntimeError("an actor works after its set-up")
        return [outcome for batch in batches for outcome in self._attempt(batch)]


@dataclass(frozen=True, slots=True)
class _Given:
    """What an actor has in hand, and since when."""

    actor: Any
    batches: Sequence[Batch] = ()
    since: float = field(default_factory=time.monotonic)


class _Actors:
    """Actors that share one queue; one that dies is replaced, and its units are tried singly."""

    def __init__(self, ray: Any, recipe: Recipe, size: int, num_gpus: float) -> None:
        self._ray, self._recipe, self._size = ray, recipe, size
        self._make = ray.remote(num_cpus=1, num_gpus=num_gpus)(_Worker)
        self._busy: dict[Any, _Given] = {}

    def outcomes(self, batches: Sequence[Batch]) -> Iterator[Outcome]:
        queue, suspects = deque(batches), deque[Batch]()
        for _ in range(self._size):
            self._start()
        while self._busy:
            (answer,), _ = self._ray.wait(list(self._busy), num_returns=1)
            given = self._busy.pop(answer)
            try:
                found = self._ray.get(answer)
            except self._ray.exceptions.RayTaskError as error:
                raise setup_failed(_cause(error)) from error
            except self._ray.exceptions.RayActorError as error:
                yield from self._blame(given.batches, suspects, error)
                if queue or suspects:
                    self._start()
                continue
            yield from found or ()
            if suspects:
                self._give(given.actor, [suspects.popleft()])
            elif queue:
                count = min(len(queue), _pace(given), chunk_size(len(queue), self._size))
                self._give(given.actor, [queue.popleft() for _ in range(count)])

    def _start(self) -> None:
        actor = self._make.remote(self._recipe)
        self._busy[actor.prepare.remote()] = _Given(actor)

    def _give(self, actor: Any, batches: list[Batch]) -> None:
        self._busy[actor.attempt.remote(batches)] = _Given(actor, batches)

    def _blame(
        self, given: Sequence[Batch], suspects: deque[Batch], error: BaseException
    ) -> Iterator[Outcome]:
        """Record the one unit that a dead actor had; of several, none can be blamed yet."""
        if not given:
            raise StageError(
                f"An actor could not start: {describe(error)}.",
                hint="Look at the logs of the cluster; it may have run out of memory.",
            ) from error
        units = [unit for batch in given for unit in batch]
        if len(units) > 1:
            suspects.extend([unit] for unit in units)
            return
        digest = units[0].digest(self._recipe.fingerprint)
        yield {"key": units[0].key, "unit": digest, "error": "the actor died at this unit"}


def _room(resources: Mapping[str, float], num_gpus: float) -> int:
    """Return how many actors a cluster can hold at once; one too many would wait for ever."""
    room = int(resources.get("CPU", 0))
    if num_gpus:
        room = min(room, int(resources.get("GPU", 0) / num_gpus + 1e-9))
    if room < 1:
        raise StageError(
            f"The cluster has {resources.get('CPU', 0):g} CPUs and {resources.get('GPU', 0):g} "
            f"GPUs: no room for a worker with one CPU and {num_gpus:g} GPUs.",
            hint="Ask for less by --worker-gpus, or name a larger cluster by RAY_ADDRESS.",
        )
    return room


def _pace(given: _Given) -> int:
    """Return how many batches an actor does in `_SECONDS`: what a kill costs stays small."""
    if not given.batches:
        return 1
    seconds = (time.monotonic() - given.since) / len(given.batches)
    return max(1, int(_SECONDS / max(seconds, 1e-6)))


@contextmanager
def _cluster(ray: Any, num_workers: int | None) -> Iterator[None]:
    """Use the cluster that is connected or that RAY_ADDRESS names, else one of our own, here."""
    if ray.is_initialized():
        yield
        return
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if os.environ.get("RAY_ADDRESS"):
        ray.init(**quiet)
    else:
        ray.init(address="local", num_cpus=num_workers, include_dashboard=False, **quiet)
    try:
        yield
    finally:
        ray.shutdown()


def _cause(error: BaseException) -> Exception:
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, GgtError) else Exception(str(cause or error))


def require_ray() -> Any:
    """Return the module `ray`, set up so that a cluster started here is nobody else's.

    Raises:
        MissingExtraError: it is not installed.
    """
    own = not os.environ.get("RAY_ADDRESS")
    if own:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no reports to Ray's makers
        os.environ.setdefault(_MANY_MACHINES, "0")
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("ray", "ray", "The engine ray") from error
    logging.getLogger("ray").setLevel(logging.ERROR)
    if own and os.environ[_MANY_MACHINES] == "0":
        # Read when Ray is imported, which somebody may have done before.
        ray._private.ray_constants.ENABLE_RAY_CLUSTER = False
    return ray
