"""What a run of a command did, over all its flows: for the terminal, and for `--json`."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from flows.run import Summary
from tasks.ingest.plan import Plan


@dataclass
class Outcome:
    """What a run of the command did; `as_json` is the contract of `--json`."""

    planned: Plan
    summaries: list[Summary] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    held_objects: int = 0
    report: str | None = None
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain data, with at least the keys that the design names."""
        counts = sum((summary.counts for summary in self.summaries), Counter[str]())
        seconds: defaultdict[str, float] = defaultdict(float)
        for summary in self.summaries:
            for stage, spent in summary.seconds.items():
                seconds[stage] += spent
        rejects = sum((summary.rejects for summary in self.summaries), Counter[str]())
        verdicts = [verdict for summary in self.summaries for verdict in summary.verdicts]
        results = Counter(verdict.result for verdict in verdicts)
        outcomes = ("sample", "copy", "video", "reject", "deferred")
        return {
            "run_id": next((summary.run_id for summary in self.summaries), None),
            "batches": [batch for summary in self.summaries for batch in summary.batches],
            "objects": {name: getattr(self.planned, name) for name in ("listed", "ignored", "known", "new")},
            "outcomes": {name: counts[name] for name in outcomes} | {"held": self.held_objects},
            "rejects": dict(rejects),
            "duplicates": {kind: counts[kind] for kind in ("perceptual", "semantic")},
            "frames": counts["frames"],
            "embedded": counts["embedded"],
            "crops": counts["crops"],
            "selected": counts["selected"],
            "labels": {name: counts[name] for name in ("answers", "consensus", "suspects", "deleted", "troubles")},
            "models": {name: counts[name] for name in ("promoted", "refused", "predicted")},
            "gates": {result: results[result] for result in ("pass", "warn", "hold")},
            "verdicts": [
                {"subject": one.subject, "transition": one.transition, "result": one.result, "why": one.why}
                for one in verdicts
            ],
            "held": self.held,
            "seconds": {stage: round(spent, 3) for stage, spent in seconds.items()},
            "report": self.report,
        }

    @property
    def hints(self) -> list[str]:
        """What the user should know."""
        return [*(hint for summary in self.summaries for hint in summary.hints), *self.notes]
