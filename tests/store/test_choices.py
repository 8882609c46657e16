"""Recorded choices: settled once, whoever asks, until somebody revises them."""

import threading

import pytest

from tasks.store import choices
from tasks.store.errors import Unreachable, WinnowError
from tasks.store.folder import Folder
from tasks.store.root import Root


def test_settle__the_first_one_counts_for_all(root: Root) -> None:
    answers: list[int] = []

    def ask(number: int) -> None:
        answers.append(choices.settle(root, "radius", lambda: number))

    threads = [threading.Thread(target=ask, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert choices.recall(root, "radius") == answers[0]


def test_revise__is_what_counts_from_then_on(root: Root) -> None:
    choices.settle(root, "radius", lambda: 1)
    choices.revise(root, "radius", 2, "why not")
    assert choices.recall(root, "radius") == 2
    assert choices.settle(root, "radius", lambda: 3) == 2


def test_recall__of_nothing_is_none(root: Root) -> None:
    assert choices.recall(root, "radius") is None


@pytest.mark.parametrize("reason", ["permission", "io_error", "changed"])
def test_recall__never_takes_an_older_one_for_one_that_cannot_be_read(
    root: Root, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    choices.settle(root, "radius", lambda: 1)
    choices.revise(root, "radius", 2, "why not")
    whole = Folder.read

    def read(folder: Folder, uri: str, version: str | None = None) -> bytes:
        if "0002" in uri:
            raise Unreachable(reason, "no luck")
        return whole(folder, uri, version)

    monkeypatch.setattr(Folder, "read", read)
    with pytest.raises(WinnowError, match=r"radius\.0002\.json cannot be read \(no luck\)"):
        choices.recall(root, "radius")
