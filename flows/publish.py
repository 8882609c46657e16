"""Prefect artifacts: verdicts and summaries where people look at runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flows.events import in_a_run
from tasks.gate.judge import Verdict

if TYPE_CHECKING:
    from flows.holds import Hold
    from flows.run import Summary

_ACROSS = 3
"""Pictures in a row."""


def publish_verdict(verdict: Verdict, hold: Hold | None = None) -> None:
    """One markdown artifact a verdict: the result, every expectation with what was seen, and how a hold is settled."""
    rows = [
        f"| {'met' if one.success else one.severity} "
        f"| {_cell(one.expectation)} | {_cell(one.observed)} | {_cell(one.threshold)} |"
        for one in verdict.findings
    ]
    table = "\n".join(["| | expectation | observed | allowed |", "|---|---|---|---|", *rows])
    parts = [f"## {verdict.transition}: {verdict.result}", f"{_cell(verdict.subject)} {_cell(verdict.why)}", table]
    if hold:
        form = f"**[Release or discard it]({hold.form})**, or on a terminal: " if hold.form else ""
        parts += [f"Held. {form}{hold.commands}", *_grid(hold.pictures)]
    _publish(f"gate-{verdict.transition}", "\n\n".join(parts), f"{verdict.transition}: {verdict.result}")


def publish_summary(name: str, summary: Summary, extra: dict[str, Any]) -> None:
    """One markdown artifact a run: figures, rejects by reason, gates, what is held."""
    figures = {**extra, **summary.counts}
    parts = [f"## {name}", _table("figure", figures)]
    if summary.rejects:
        parts += ["### rejects", _table("reason", dict(summary.rejects))]
    if summary.held:
        parts += ["### held", "\n".join(f"- {_cell(subject)}" for subject in summary.held)]
    _publish(f"{name}-summary", "\n\n".join(parts), f"summary of {name}")


def publish_pictures(name: str, pictures: list[tuple[str, bytes]]) -> None:
    """A grid of thumbnails with captions, embedded so that no other server is asked."""
    for grid in _grid(pictures):
        _publish(f"{name}-pictures", grid, f"pictures of {name}")


def _grid(pictures: list[tuple[str, bytes]]) -> list[str]:
    """The pictures as one table; nothing where there are none."""
    import base64

    if not pictures:
        return []
    lines = []
    for start in range(0, len(pictures), _ACROSS):
        row = pictures[start : start + _ACROSS] + [("", b"")] * max(0, start + _ACROSS - len(pictures))
        images = [f"![](data:image/jpeg;base64,{base64.b64encode(jpeg).decode()})" if jpeg else "" for _, jpeg in row]
        lines += ["| " + " | ".join(images) + " |", "| " + " | ".join(_cell(caption) for caption, _ in row) + " |"]
    lines.insert(1, "|---" * _ACROSS + "|")
    return ["\n".join(lines)]


def _publish(key: str, text: str, description: str) -> None:
    """Artifacts are for show: a server that does not take one stops no run."""
    from prefect.artifacts import create_markdown_artifact
    from prefect.logging import get_run_logger

    if not in_a_run():
        return
    try:
        create_markdown_artifact(text, key=key, description=description)
    except Exception as error:
        get_run_logger().warning("The artifact %s could not be written: %s", key, error)


def _table(heading: str, figures: dict[str, Any]) -> str:
    rows = [f"| {_cell(name)} | {value:,} |" for name, value in figures.items()]
    return "\n".join([f"| {heading} | |", "|---|---:|", *rows])


def _cell(text: str) -> str:
    """Names in it are hostile: nothing of them may become markup."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~])", r"\\\1", " ".join(str(text).split()))
