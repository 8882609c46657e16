"""The only file of tasks/ that knows Prefect: @unit makes a function a task with retries, backoff and a name."""

import sys
from collections.abc import Callable, Iterable
from functools import cached_property, update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

from tasks.store.errors import WinnowError

P = ParamSpec("P")
R = TypeVar("R")

RETRIES = 2
FIRST_DELAY_S = 2
"""Seconds before the first retry; each further one waits twice as long, with jitter."""


def unit(name: str, retries: int = RETRIES) -> Callable[[Callable[P, R]], "Unit[P, R]"]:
    """Make a function a unit of work called `name`.

    Inside a flow run a call is a Prefect task run; anywhere else it is the plain function, so commands and tests need
    no server. Mistakes of a user (WinnowError) are not retried.
    """

    def decorate(work: Callable[P, R]) -> Unit[P, R]:
        return Unit(work, name, retries)

    return decorate


class Unit(Generic[P, R]):
    """A function that runs as a Prefect task wherever a flow runs. Made by @unit."""

    def __init__(self, work: Callable[P, R], name: str, retries: int) -> None:
        self.fn = work
        self.name = name
        self.retries = retries
        update_wrapper(self, work)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run once."""
        return self._task(*args, **kwargs) if _in_a_flow() else self.fn(*args, **kwargs)

    def each(self, calls: Iterable[dict[str, Any]]) -> list[R]:
        """Run once for every set of keyword arguments, side by side in a flow; results in the order of `calls`."""
        if not _in_a_flow():
            return [self.fn(**call) for call in calls]  # type: ignore[call-arg]
        futures = [self._task.submit(**call) for call in calls]
        return [future.result() for future in futures]

    @cached_property
    def _task(self) -> Any:
        from prefect import task
        from prefect.cache_policies import NO_CACHE
        from prefect.tasks import exponential_backoff

        return task(
            name=self.name,
            retries=self.retries,
            retry_delay_seconds=exponential_backoff(FIRST_DELAY_S),
            retry_jitter_factor=0.5,
            retry_condition_fn=_worth_another_try,
            cache_policy=NO_CACHE,
            persist_result=False,
        )(self.fn)


def _in_a_flow() -> bool:
    if "prefect" not in sys.modules:
        return False
    from prefect.context import FlowRunContext

    return FlowRunContext.get() is not None


def _worth_another_try(_task: Any, _run: Any, state: Any) -> bool:
    return not isinstance(state.result(raise_on_failure=False), WinnowError)
