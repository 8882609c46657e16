"""What the stages of one flow run share: the root, the settings, the gates, and the tally that is told at the end."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flows.holds import about_hold, tell_verdict
from flows.publish import publish_verdict
from flows.settings import Settings
from tasks.gate.checks import Transition
from tasks.gate.judge import Verdict, hold_back, is_held, judge
from tasks.gate.settings import GateSettings
from tasks.store.commit import roll_forward
from tasks.store.errors import PlanAwayError, StagedAwayError
from tasks.store.log import read_log
from tasks.store.root import Root, open_root
from tasks.store.staging import Staged


@dataclass
class Summary:
    """What a flow run did. The keys of `winnow run --json` are made from it.

    Attributes:
        run_id: id of the Prefect flow run.
        batches: batches and selections that it worked on.
        counts: figures of what was committed, by name; rejects and duplicates by reason and kind.
        verdicts: of the gates that it asked.
        held: batches and selections that wait for a decision.
        hints: what the user should know.
        seconds: wall time by stage.
    """

    run_id: str
    batches: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    verdicts: list[Verdict] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))


class Run:
    """One flow run at work in a root; `read` are the batches whose files it has read."""

    def __init__(self, settings: Settings, run_id: str, *, rejudge: bool = True) -> None:
        self.settings = settings
        self.gates = settings.gates if rejudge else None
        self.root = settings.root_uri
        self.opened: Root = open_root(self.root)
        self.summary = Summary(run_id)
        self.read: set[str] = set()

    def done(self, subject: str, stage: str) -> bool:
        """Whether that stage of a batch is committed."""
        batch = read_log(self.opened).batches.get(subject)
        return bool(batch and stage in batch.committed)

    def discarded(self, subject: str) -> bool:
        """Whether somebody gave the batch up."""
        return bool(read_log(self.opened).batches[subject].discarded)

    def due(self, subject: str, stage: str, transition: Transition) -> bool:
        """Whether there is anything to do: the stage is not committed, and nobody has to decide first."""
        roll_forward(self.opened)
        if self.done(subject, stage):
            return False
        held = is_held(self.opened, subject, transition, self.gates)
        if held:
            self.summary.held.append(subject)
        return not held

    @contextmanager
    def at_work(self, subject: str, stage: str) -> Iterator[None]:
        """Time a stage of a batch; if another run commits it meanwhile, and tidies up, that is as good."""
        started = time.perf_counter()
        try:
            yield
        except StagedAwayError:
            if not self.done(subject, stage):
                raise
        finally:
            self.summary.seconds[stage] += time.perf_counter() - started

    @contextmanager
    def others_go_on(self, subject: str) -> Iterator[None]:
        """A batch whose plan is lost is held, for a person to look at; it stops no other."""
        try:
            yield
        except PlanAwayError as error:
            hold_back(self.opened, subject, str(error))
            self.summary.held.append(subject)

    def passes(self, transition: Transition, staged: Staged) -> bool:
        """Ask the gate; whether what is staged may be committed."""
        verdict = self.ask(transition, staged)
        if verdict.result == "hold":
            self.summary.held.append(staged.subject)
        return verdict.result != "hold"

    def ask(self, transition: Transition, staged: Staged) -> Verdict:
        """What the gate says of what is staged."""
        started = time.perf_counter()
        verdict = judge(self.root, staged, transition, self.settings.gates, self.summary.run_id)
        spent = time.perf_counter() - started
        self.summary.seconds["gate"] += spent
        self.summary.seconds[staged.stage] -= spent
        self.summary.verdicts.append(verdict)
        hold = about_hold(self.settings, self.opened, verdict, staged)
        publish_verdict(verdict, hold)
        tell_verdict(self.settings.service.name, verdict, hold)
        return verdict

    def hint(self, words: str) -> None:
        """Tell the user something, once."""
        if words and words not in self.summary.hints:
            self.summary.hints.append(words)

    def count(self, counts: dict[str, Any]) -> None:
        """Add what a commit counted."""
        self.summary.counts.update({name: value for name, value in counts.items() if isinstance(value, int)})
        self.summary.rejects.update(counts.get("rejects", {}))


def held_selections(root: Root, gates: GateSettings | None) -> list[str]:
    """Selections that only a person can move (`gates` as for `is_held`)."""
    return _held(root, gates, "select", "selected")


def held_rounds(root: Root, gates: GateSettings | None) -> list[str]:
    """Rounds of labels that only a person can move (`gates` as for `is_held`)."""
    return _held(root, gates, "label", "annotated")


def held_snapshots(root: Root, gates: GateSettings | None) -> list[str]:
    """Snapshots that only a person can move (`gates` as for `is_held`)."""
    return _held(root, gates, "snapshot", "split")


def _held(root: Root, gates: GateSettings | None, stage: str, transition: Transition) -> list[str]:
    begun = [batch.batch_id for batch in read_log(root).open_batches if batch.planned.stage == stage]
    return [name for name in begun if is_held(root, name, transition, gates)]
