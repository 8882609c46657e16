"""How far a stage is, for whoever watches: units tell, the command line draws."""

from collections.abc import Callable

Watcher = Callable[[str, int, int | None], None]
"""Called with the stage, how many more are done, and how many more there are if that is known only now."""

_watchers: list[Watcher] = []


def watch(watcher: Watcher) -> None:
    """Be told of all progress in this process from now on."""
    _watchers.append(watcher)


def unwatch(watcher: Watcher) -> None:
    """Be told no more."""
    _watchers.remove(watcher)


def advance(stage: str, done: int, total: int | None = None) -> None:
    """Tell that `done` more of the stage's items are done; a `total` tells of so many more to come."""
    for watcher in list(_watchers):
        watcher(stage, done, total)
