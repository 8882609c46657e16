"""Judge what a stage staged: pass, warn or hold. Verdicts go into `gates`, holds into the log."""

import json
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import pandas as pd
import pyarrow as pa

from tasks.gate.checks import Check, Suite, Transition
from tasks.gate.drift import add_drift
from tasks.gate.settings import GateSettings
from tasks.gate.suites import suite
from tasks.store import staging
from tasks.store.commit import write
from tasks.store.ids import make_id
from tasks.store.log import Event, Log, read_log, record
from tasks.store.root import Root, open_root
from tasks.store.schema import GATES
from tasks.store.staging import Staged
from tasks.unit import unit

Result = Literal["pass", "warn", "hold"]


@dataclass(frozen=True)
class Finding:
    """One expectation that was judged."""

    expectation: str
    severity: str
    success: bool
    observed: str
    threshold: str


@dataclass(frozen=True)
class Verdict:
    """What a gate says of a batch or selection; `why` is in words and empty where there is nothing to say."""

    subject: str
    stage: str
    transition: Transition
    result: Result
    findings: tuple[Finding, ...]
    why: str

    @property
    def failed(self) -> list[Finding]:
        """The expectations that were not met."""
        return [finding for finding in self.findings if not finding.success]


def is_held(root: Root, subject: str, transition: Transition, settings: GateSettings | None) -> bool:
    """Whether a batch waits for a decision of a person.

    It is judged again only when its gate's settings changed; with None for settings, not even then.
    """
    batch = read_log(root).batches.get(subject)
    if batch is None or batch.held is None:
        return False
    return settings is None or batch.held.settings_hash == _settings_hash(transition, settings)


def hold_back(root: Root, subject: str, why: str) -> None:
    """Hold a batch that cannot go on for another reason than a gate, so that the others do and somebody looks at it."""

    def decide(log: Log) -> Event | None:
        batch = log.batches[subject]
        return None if batch.held or batch.next_stage is None else Event(subject, "held", batch.next_stage, note=why)

    record(root, decide)


@unit("gate")
def judge(root: str, staged: Staged, transition: Transition, settings: GateSettings, run_id: str = "") -> Verdict:
    """Judge staged rows, record every expectation, and hold what fails.

    Args:
        root: URI of the root.
        staged: what to judge.
        transition: which gate.
        settings: of all gates.
        run_id: of the flow run that asks.

    Returns:
        The verdict; `pass` without findings where a person released the batch.

    Raises:
        UsageError: `gates.ingested.by` names nothing that there is.
    """
    opened = open_root(root)
    batch = read_log(opened).batches[staged.subject]
    if batch.released:
        return Verdict(staged.subject, staged.stage, transition, "pass", (), "released by a person")
    rows = next(iter(staging.read_all(opened, [staged.rows_uri]))).to_pandas()
    checks = suite(transition, rows, staged.facts, settings)
    findings = validate(add_drift(opened, checks, rows, settings) if transition == "ingested" else checks)
    mode = getattr(settings, transition).mode
    verdict = Verdict(
        staged.subject, staged.stage, transition, result_of(findings, mode), findings, _why(findings, mode)
    )
    _write_findings(opened, verdict, staged, settings, run_id)
    if verdict.result == "hold":
        _hold(opened, verdict, staged, settings)
    return verdict


def result_of(findings: tuple[Finding, ...], mode: str) -> Result:
    """The rule: a critical expectation that is not met holds, any other warns; `approve` holds, `warn` never does."""
    if mode == "approve":
        return "hold"
    failed = {finding.severity for finding in findings if not finding.success}
    if "critical" in failed and mode != "warn":
        return "hold"
    return "warn" if failed else "pass"


def validate(checks: Suite) -> tuple[Finding, ...]:
    """Run the checks through Great Expectations, in their order."""
    import great_expectations as gx
    from great_expectations import expectations

    staged = _staged_rows()
    findings: dict[int, Finding] = {}
    for name, frame in checks.frames.items():
        numbered = [(place, check) for place, check in enumerate(checks.checks) if check.frame == name]
        if not numbered:
            continue
        asked = gx.ExpectationSuite(
            name=name,
            expectations=[
                getattr(expectations, check.kind)(**check.arguments, severity=check.severity, meta={"place": place})
                for place, check in numbered
            ],
        )
        batch = staged.get_batch(batch_parameters={"dataframe": frame})
        for result in batch.validate(asked, result_format={"result_format": "BASIC"}).results:
            place = result.expectation_config.meta["place"]
            findings[place] = _finding(checks.checks[place], bool(result.success), result.result, frame)
    return tuple(findings[place] for place in sorted(findings))


def _staged_rows() -> Any:
    """What any frame is validated as. Made once a thread: making it costs as much as to validate a small batch."""
    if not hasattr(_OF_THIS_THREAD, "staged_rows"):
        import great_expectations as gx

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        asset = context.data_sources.add_pandas("staged").add_dataframe_asset("rows")
        _OF_THIS_THREAD.staged_rows = asset.add_batch_definition_whole_dataframe("all")
    return _OF_THIS_THREAD.staged_rows


_OF_THIS_THREAD = threading.local()


def _finding(check: Check, success: bool, seen: dict[str, Any], frame: pd.DataFrame) -> Finding:
    if "observed_value" in seen:
        value = seen["observed_value"]
        observed = f"{value:.4g}" if isinstance(value, float) else str(value)
    elif success:
        observed = "as expected"
    else:
        observed = _examples(check, seen, frame)
    return Finding(check.words, check.severity, success, observed, check.threshold or _stated(check))


def _examples(check: Check, seen: dict[str, Any], frame: pd.DataFrame) -> str:
    """The values that failed, with the names of their rows where the check says how to name them."""
    if check.told_by:
        unmet = frame[~frame[check.arguments["column"]].isin(check.arguments["value_set"])]
        return "; ".join(unmet[check.told_by][:5])
    wrong = seen.get("partial_unexpected_list", [])
    if check.name_by:
        rows = frame[frame[check.arguments["column"]].isin(wrong)].sort_values(
            check.arguments["column"], ascending=False
        )
        named = zip(rows[check.name_by], rows[check.arguments["column"]], strict=True)
        return ", ".join(f"{name}: {value:.4g}" for name, value in list(named)[:5])
    shown = ", ".join(f"{value:.4g}" if isinstance(value, float) else str(value) for value in wrong[:5])
    return f"{seen.get('unexpected_count', len(wrong))} rows: {shown}"


def _stated(check: Check) -> str:
    if "value" in check.arguments:
        return str(check.arguments["value"])
    allowed = check.arguments.get("value_set", [True])
    return "every row" if isinstance(allowed[0], bool) else ", ".join(map(str, allowed))


def _why(findings: tuple[Finding, ...], mode: str) -> str:
    failed = [finding for finding in findings if not finding.success]
    words = [f"{one.expectation} is {one.observed} ({one.threshold})" for one in failed]
    if mode == "approve":
        words.append("it waits for approval")
    return "; ".join(words)


def _write_findings(root: Root, verdict: Verdict, staged: Staged, settings: GateSettings, run_id: str) -> None:
    now = datetime.now(UTC)
    judged = (staged.fingerprint, _settings_hash(verdict.transition, settings))
    rows = [
        {
            "gate_id": make_id(verdict.subject, verdict.transition, finding.expectation, *judged),
            "subject": verdict.subject,
            "transition": verdict.transition,
            "run_id": run_id,
            "judged_at": now,
            **finding.__dict__,
        }
        for finding in verdict.findings
    ]
    write(root, GATES.name, pa.Table.from_pylist(rows, schema=GATES.schema))


def _hold(root: Root, verdict: Verdict, staged: Staged, settings: GateSettings) -> None:
    now = _settings_hash(verdict.transition, settings)
    failed = [finding.__dict__ for finding in verdict.failed]
    judged = staged.rows_uri.removeprefix(root.uri)
    counts = {"transition": verdict.transition, "failed": failed, "judged": judged}
    event = Event(verdict.subject, "held", verdict.stage, counts=counts, settings_hash=now, note=verdict.why)

    def decide(log: Log) -> Event | None:
        batch = log.batches[verdict.subject]
        settled = batch.released or batch.discarded or verdict.stage in batch.committed
        return None if settled or (batch.held and batch.held.settings_hash == now) else event

    record(root, decide)


def _settings_hash(transition: Transition, settings: GateSettings) -> str:
    return staging.settings_hash(json.loads(getattr(settings, transition).model_dump_json()), settings.min_objects)
