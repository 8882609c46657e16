"""Patience with a store that falters: ask again, ever slower, until it is plain what is at fault."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from tasks.store.answers import is_passing, said, status_of
from tasks.store.errors import UsageError, WinnowError

Answer = TypeVar("Answer")

PATIENCE_S = 180.0
"""Seconds for which a store that answers nobody is asked again before a run gives up."""

FIRST_PATIENCE_S = 15.0
"""The same for an address from which no answer has come yet: it may be misspelt."""

ATTEMPTS = 8
"""How often one request is made that fails while others succeed, each time twice."""

LONGEST_PAUSE_S = 10.0

_answered_at: float | None = None
_silent_since = _failed_at = 0.0


class StoreAwayError(WinnowError):
    """Nothing was answered for so long that going on is pointless; nothing is said about any object."""


def persist(ask: Callable[[], Answer], got: Callable[[], int] = lambda: 0) -> Answer:
    """What `ask` gives; asked again, after ever longer pauses with jitter, while the store falters or slows us down.

    Args:
        ask: makes the request, once.
        got: how many bytes all tries have brought so far, where a try goes on from the last: one that brought some
            is no failure of the store, however often it breaks off.

    Raises:
        UsageError: the address never answered.
        StoreAwayError: nobody has been answered for PATIENCE_S.
        Exception: the last error, where the store does answer; any error that asking again cannot mend.
    """
    patience, before = _Patience(), got()
    while True:
        try:
            answer = ask()
        except Exception as error:
            if status_of(error) and not is_passing(error):
                note_answer()
            if not is_passing(error):
                raise
            if got() > before:
                patience, before = _Patience(), got()
            patience.wear(error)
        else:
            note_answer()
            return answer


def note_answer() -> None:
    """The store is there, for whomever: what fails now is not the way to it."""
    global _answered_at
    _answered_at = time.monotonic()


def expect_answers() -> None:
    """Have the full patience from the start: another process of the run was answered."""
    global _answered_at
    _answered_at = _answered_at or 0.0


class _Patience:
    """How long one request is made again: strikes count while the store answers, silence while it answers nobody."""

    def __init__(self) -> None:
        self._asked = time.monotonic()
        self._strikes, self._pause = 0, 0.25

    def wear(self, error: Exception) -> None:
        """Pause before the next try, or raise if there shall be none."""
        silence = _silence()
        self._strikes += _answered_at is not None and _answered_at >= self._asked
        misspelt = _answered_at is None and not status_of(error)
        if self._strikes >= ATTEMPTS or (status_of(error) and silence > PATIENCE_S):
            raise error
        cause = " ".join(said(error).split())[:200]
        if misspelt and silence > FIRST_PATIENCE_S:
            raise UsageError(f"S3 cannot be reached ({cause}): check the network and AWS_ENDPOINT_URL.") from error
        if silence > PATIENCE_S:
            raise StoreAwayError(
                f"S3 has not answered for {PATIENCE_S / 60:.0f} minutes ({cause}). Run the same "
                "command again when it does: nothing is lost."
            ) from error
        self._pause = min(LONGEST_PAUSE_S, 2 * self._pause)
        time.sleep(random.uniform(0.1, self._pause))  # noqa: S311
        self._asked = time.monotonic()


def _silence() -> float:
    """Seconds for which this process has asked and nobody was answered: all its requests wear the same patience."""
    global _silent_since, _failed_at
    now = time.monotonic()
    if (_answered_at or 0.0) > _silent_since or now - _failed_at > PATIENCE_S:
        _silent_since = now
    _failed_at = now
    return now - _silent_since
