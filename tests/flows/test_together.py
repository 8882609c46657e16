"""Four processes run the same flows on the same root at once: the same content as one, no key doubled."""

from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import OPTIONS, Zygote, Zygotes, everything

PROCESSES = 4


def run_together(zygotes: list[Zygote], source: Path, root: Path, *, locked: bool) -> None:
    for zygote in zygotes:
        zygote.ask(source, root, locked=locked, **OPTIONS)
    for zygote in zygotes:
        told = zygote.answer()
        assert (told["signal"], told["code"]) == (0, 0), zygote.said(root)


def check_rounds(
    count: int, zygotes: list[Zygote], source: Path, place: Path, expected: dict[str, Any], *, locked: bool
) -> None:
    for number in range(count):
        (place / str(number)).mkdir()
        run_together(zygotes, source, place / str(number) / "r", locked=locked)
        found = everything(source, place / str(number) / "r")
        assert {name for name in found if found[name] != expected[name]} == set()


@pytest.mark.parametrize(("locked", "rounds"), [(True, 1), (False, 2)])
def test_together(mess: Path, undisturbed: Any, zygotes: Zygotes, tmp_path: Path, locked: bool, rounds: int) -> None:
    """Speed rests on the lock, safety does not: without it the content is the same."""
    check_rounds(rounds, zygotes(PROCESSES), mess, tmp_path, undisturbed[0], locked=locked)


@pytest.mark.slow
@pytest.mark.parametrize("locked", [True, False])
def test_together__twenty_times(mess: Path, undisturbed: Any, zygotes: Zygotes, tmp_path: Path, locked: bool) -> None:
    check_rounds(20, zygotes(PROCESSES), mess, tmp_path, undisturbed[0], locked=locked)
