"""What is said of a file: by whom, and what counts of it. The newest is in the table `metadata`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.ingest.metadata.values import RESERVED
from tasks.store import tables
from tasks.store.ids import make_id
from tasks.store.root import Root
from tasks.store.schema import FINDINGS, METADATA

ORIGINS = ("path", "sidecar", "join")
"""Later ones are believed before earlier ones; of several joined files the one that was read last."""

Said = dict[str, dict[str, Any]]
"""Values by key, by origin: `path`, `sidecar`, and `join` with the name of the file."""


@dataclass(frozen=True)
class Doubt:
    """Something that is missing or wrong: a row of `findings` to be."""

    kind: str
    origin: str
    wrong: str


@dataclass(frozen=True)
class Known:
    """The newest row of the table `metadata` about a file."""

    revision: int
    said: Said
    sidecar_version: str | None
    keys: frozenset[str]
    created_at: datetime

    def has(self, origin: str) -> bool:
        """Whether path, sidecar or some joined file says anything."""
        return any(name.partition(" ")[0] == origin for name in self.said)


@dataclass
class Account:
    """All that is said of one file now.

    Attributes:
        said: by origin.
        doubts: what is missing or wrong.
        sidecar_version: of the sidecar that was read, if one was.
    """

    said: Said = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)
    sidecar_version: str | None = None


def known_of(root: Root, uris: Iterable[str]) -> dict[str, Known]:
    """The newest rows about files; files of which nothing was recorded are left out."""
    dataset = tables.open_table(root, METADATA.name)
    if dataset is None:
        return {}
    columns = ["uri", "revision", "said", "sidecar_version", "metadata", "created_at"]
    wanted = pa.array(set(uris), pa.string())
    newest: dict[str, Known] = {}
    for row in dataset.scanner(columns=columns, filter=pc.field("uri").isin(wanted)).to_table().to_pylist():
        if row["uri"] not in newest or row["revision"] > newest[row["uri"]].revision:
            keys = frozenset(json.loads(row["metadata"]))
            said = json.loads(row["said"])
            newest[row["uri"]] = Known(row["revision"], said, row["sidecar_version"], keys, row["created_at"])
    return newest


def counted(said: Said, gone: frozenset[str] = frozenset()) -> dict[str, Any]:
    """What counts, as columns: the RESERVED ones as text and numbers, and `metadata` with all others.

    Args:
        said: by origin.
        gone: keys that were said before; those that nothing says any more become null, which hides them.
    """
    values: dict[str, Any] = dict.fromkeys(gone)
    for origin in sorted(said, key=_rank):
        values |= said[origin]
    columns = {name: values.pop(name, None) for name in RESERVED}
    return columns | {"metadata": values}


def as_row(columns: Mapping[str, Any]) -> dict[str, Any]:
    """What `counted` gave, as a row of a table."""
    times = {
        name: datetime.fromisoformat(columns[name]) if columns[name] else None
        for name in ("captured_at", "captured_on")
    }
    return {**columns, **times, "metadata": json.dumps(columns["metadata"])}


def changes(accounts: Mapping[str, Account], known: Mapping[str, Known], now: datetime) -> pa.Table:
    """Rows of `metadata` for files of which something else is said now than what is recorded.

    What only the path says, and did from the start, is in the rows of objects and samples and needs none here.
    """
    rows = []
    for uri, account in accounts.items():
        before = known.get(uri)
        stands = before.said if before else {}
        brought = [origin for origin in account.said if stands.get(origin) != account.said[origin]]
        if account.sidecar_version and account.sidecar_version != (before.sidecar_version if before else None):
            brought = sorted({*brought, "sidecar"})
        if not brought:
            continue
        said = {**{name: stands[name] for name in stands if name not in account.said}, **account.said}
        revision = before.revision + 1 if before else 0
        rows.append(
            {
                "metadata_id": make_id(uri, revision),
                "uri": uri,
                "revision": revision,
                "origin": ", ".join(dict.fromkeys(name.partition(" ")[0] for name in brought)),
                "said": json.dumps(said),
                "sidecar_version": account.sidecar_version or (before.sidecar_version if before else None),
                "created_at": now,
                **as_row(counted(said, before.keys if before else frozenset())),
            }
        )
    return pa.Table.from_pylist(rows, schema=METADATA.schema)


def findings(accounts: Mapping[str, Account], samples: Mapping[str, str], now: datetime) -> pa.Table:
    """Rows of `findings` for what is missing or wrong; `samples` gives the sample of a file, where there is one."""
    rows = [
        {
            "finding_id": make_id(uri, doubt.kind, doubt.origin, doubt.wrong, _words_of(account, doubt.origin)),
            "sample_id": samples.get(uri),
            "kind": doubt.kind,
            "score": 1.0,
            "suggestion": json.dumps({"uri": uri, "origin": doubt.origin, "wrong": doubt.wrong}),
            "status": "open",
            "created_at": now,
        }
        for uri, account in accounts.items()
        for doubt in account.doubts
    ]
    return pa.Table.from_pylist(rows, schema=FINDINGS.schema)


def _rank(origin: str) -> int:
    """`sorted` keeps the order of equal ones: that in which joined files were read."""
    return ORIGINS.index(origin.partition(" ")[0])


def _words_of(account: Account, origin: str) -> str:
    """The same thing wrong in another version of what is said is another finding."""
    return json.dumps([values for name, values in account.said.items() if name.startswith(origin)])
