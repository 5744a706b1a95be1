"""Workers on a Ray cluster: actors that set up once, each with the resources it holds.

The process that started the stage writes all outcomes, so that actors on other machines need no
disk in common with it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ggt_hf.engines.ledger import Ledger, Outcome
from ggt_hf.engines.local import chunk_size, refuse_unpicklable, setup_failed
from ggt_hf.engines.stage import Recipe, Unit, describe
from ggt_hf.errors import GgtError, MissingExtraError, StageError
from ggt_hf.progress import Advance
from ggt_hf.stages import LineLog


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
        num_workers: actors, each with one CPU; ``None`` = as many as the cluster has CPUs.
        num_gpus: GPUs that each actor holds; may be a fraction.
        advance: called for each finished unit.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: the work cannot travel to another process.
        StageError: the set-up failed.
    """
    ray = _require_ray()
    refuse_unpicklable(recipe)
    with _cluster(ray, num_workers), LineLog(ledger.new_part()) as log:
        size = num_workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        actors = _Actors(ray, recipe, min(size, len(units)), num_gpus)
        for outcome in actors.outcomes(units):
            log.append(outcome)
            advance()


class _Worker:
    """What an actor is: the work after its set-up."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._attempt: Callable[[Unit], dict[str, Any]] | None = None

    def prepare(self) -> None:
        self._attempt = self._recipe.prepare()

    def attempt(self, units: Sequence[Unit]) -> list[dict[str, Any]]:
        if self._attempt is None:
            raise RuntimeError("an actor works after its set-up")
        return [self._attempt(unit) for unit in units]


class _Actors:
    """Actors that share one queue; one that dies is replaced, and its units are tried singly."""

    def __init__(self, ray: Any, recipe: Recipe, size: int, num_gpus: float) -> None:
        self._ray, self._recipe, self._size = ray, recipe, size
        self._make = ray.remote(num_cpus=1, num_gpus=num_gpus)(_Worker)
        self._busy: dict[Any, tuple[Any, list[Unit]]] = {}

    def outcomes(self, units: Sequence[Unit]) -> Iterator[Outcome]:
        queue, suspects = deque(units), deque[Unit]()
        for _ in range(self._size):
            self._start()
        while self._busy:
            (answer,), _ = self._ray.wait(list(self._busy), num_returns=1)
            actor, given = self._busy.pop(answer)
            try:
                found = self._ray.get(answer)
            except self._ray.exceptions.RayTaskError as error:
                raise setup_failed(_cause(error)) from error
            except self._ray.exceptions.RayActorError as error:
                yield from self._blame(given, suspects, error)
                if queue or suspects:
                    self._start()
                continue
            yield from found or ()
            if suspects:
                self._give(actor, [suspects.popleft()])
            elif queue:
                count = min(len(queue), chunk_size(len(queue), self._size))
                self._give(actor, [queue.popleft() for _ in range(count)])

    def _start(self) -> None:
        actor = self._make.remote(self._recipe)
        self._busy[actor.prepare.remote()] = actor, []

    def _give(self, actor: Any, units: list[Unit]) -> None:
        self._busy[actor.attempt.remote(units)] = actor, units

    def _blame(
        self, given: list[Unit], suspects: deque[Unit], error: BaseException
    ) -> Iterator[Outcome]:
        """Record the one unit that a dead actor had; of several, none can be blamed yet."""
        if not given:
            raise StageError(
                f"An actor could not start: {describe(error)}.",
                hint="Look at the logs of the cluster; it may have run out of memory.",
            ) from error
        if len(given) > 1:
            suspects.extend(given)
            return
        digest = given[0].digest(self._recipe.fingerprint)
        yield {"key": given[0].key, "unit": digest, "error": "the actor died at this unit"}


@contextmanager
def _cluster(ray: Any, num_workers: int | None) -> Iterator[None]:
    """Use the cluster that is connected or that RAY_ADDRESS names, else one of our own, here."""
    if ray.is_initialized():
        yield
        return
    if os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=False)
    else:
        # Ours alone: no reports to Ray's makers, no dashboard, no port that others reach.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(
            address="local",
            num_cpus=num_workers,
            include_dashboard=False,
            log_to_driver=False,
            _node_ip_address="127.0.0.1",
        )
    try:
        yield
    finally:
        ray.shutdown()


def _cause(error: BaseException) -> Exception:
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, GgtError) else Exception(str(cause or error))


def _require_ray() -> Any:
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("ray", "ray", "The engine ray") from error
    return ray
