"""Listen to a queue: messages become micro-batches, and go when the server took the run, not before."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from deployments.batches import Desk, log, tell
from deployments.lost import LostRuns
from deployments.messages import Arrived, PoisonError, read_message
from deployments.queue import Message, Queue, queue_of
from tasks.store.errors import WinnowError

POLL_S = 5.0
"""Seconds that one request for messages takes at most: the longest wait for the end of an idle listener."""

POISON_S = 5
"""Seconds after which a message that nobody understands is taken again, on its way to the dead letters."""


@dataclass
class Hand:
    """Messages that were taken together, and what they tell."""

    messages: list[Message] = field(default_factory=list)
    arrived: dict[Arrived, None] = field(default_factory=dict)
    ignored: int = 0
    since: float = math.inf
    """Monotonic seconds at which the first message came."""


def watch_queue(desk: Desk) -> None:
    """Take batches from the queue until the listener shall end.

    Raises:
        UsageError: queue, credentials or source are wrong from the start. What goes wrong later is waited for.
    """
    queue, takes = queue_of(desk.settings), desk.taker()
    queue.backlog()
    log.info("listening to %s", queue.url)
    lost = LostRuns(desk)
    while not desk.stop.is_set():
        hand = Hand()
        with kept(queue, hand, desk.settings.service.events.visibility_s), suppress(WinnowError, OSError):
            desk.patiently(lambda hand=hand: gather(queue, hand, desk, takes, lost))  # type: ignore[misc]
            if hand.arrived:
                started = desk.patiently(lambda hand=hand: desk.hand_over(hand.arrived))  # type: ignore[misc]
                tell(started, len(hand.arrived), min(one.sent_at for one in hand.messages), hand.ignored)
            desk.patiently(lambda hand=hand: queue.delete(hand.messages))  # type: ignore[misc]


def gather(queue: Queue, hand: Hand, desk: Desk, takes: Callable[[str], bool], lost: LostRuns) -> None:
    """Take messages until there are objects enough, or the first message has waited long enough."""
    events = desk.settings.service.events
    while not desk.stop.is_set() and len(hand.arrived) < events.max_objects:
        desk.beat()
        lost.start_again()
        if hand.messages and desk.is_due(hand.since):
            return
        left = hand.since + events.max_wait_s - time.monotonic()
        for message in queue.receive(math.ceil(max(1.0, min(left, POLL_S)))):
            take_up(queue, hand, message, takes)
        if hand.messages:
            hand.since = min(hand.since, time.monotonic())


def take_up(queue: Queue, hand: Hand, message: Message, takes: Callable[[str], bool]) -> None:
    """Add what a message tells; leave one that nobody understands to its fate."""
    try:
        told = read_message(message.body)
    except PoisonError as error:
        log.warning(
            "message %s is not understood (%s), taken %d times; after some more it goes to the dead letters: %.200r",
            message.id,
            error,
            message.receives,
            message.body,
        )
        queue.keep([message], POISON_S)
        return
    hand.messages.append(message)
    taken = [one for one in told.arrived if takes(one.uri)]
    hand.arrived |= dict.fromkeys(taken)
    hand.ignored += told.ignored + len(told.arrived) - len(taken)


@contextmanager
def kept(queue: Queue, hand: Hand, seconds: int) -> Iterator[None]:
    """Let nobody else take the messages in hand, for as long as the block runs and this process lives."""
    over = threading.Event()

    def keep() -> None:
        while not over.wait(seconds / 3):
            with suppress(WinnowError):
                queue.keep(list(hand.messages), seconds)

    keeper = threading.Thread(target=keep, name="visibility", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()
