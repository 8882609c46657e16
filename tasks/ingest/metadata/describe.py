"""Describe files: all that their paths, their sidecars and the joined file say of them now."""

import json
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from tasks.ingest.metadata.joined import Joined, read_joined
from tasks.ingest.metadata.said import Account, Doubt, Said, as_row, counted
from tasks.ingest.metadata.sidecars import beside, read_sidecars
from tasks.ingest.metadata.template import compile_template
from tasks.ingest.metadata.values import Kind, Rules, read_values
from tasks.ingest.settings import IngestSettings
from tasks.store.plans import PLANNED

DESCRIBED = ("sensor_id", "sequence_id", "metadata", "said", "doubts", "sidecar_version")
"""Columns of a plan that `described` fills in."""


@dataclass(frozen=True)
class Describer:
    """Says what is said of files.

    Attributes:
        settings: of ingest.
        prefix: what the URIs of the source begin with.
        sidecars: a listing of them; None if it is not known which there are.
    """

    settings: IngestSettings
    prefix: str
    sidecars: pa.Table | None = None

    @cached_property
    def rules(self) -> Rules:
        """How values are read."""
        stated = self.settings.metadata
        template = compile_template(stated.path) if stated.path else None
        types: dict[str, Kind] = {**stated.types, **(template.types if template else {})}  # type: ignore[dict-item]
        wanted = frozenset({*types, *(template.names if template else ())})
        return Rules(types, wanted, self.settings.keep_gps, self.settings.timezone)

    @cached_property
    def joined(self) -> Joined | None:
        """The joined file of the settings, read when it is asked for the first time. Raises UsageError."""
        stated = self.settings.metadata
        return read_joined(stated.join, stated.join_on) if stated.join else None

    def accounts(self, uris: Sequence[str], *, path: bool = True, join: Joined | None = None) -> dict[str, Account]:
        """What paths and a joined file say of files; what is missing or wrong stands in the accounts as well."""
        found = {uri: Account() for uri in uris}
        if path and self.settings.metadata.path:
            self._read_paths(found)
        if join:
            self._look_up(found, join)
        return found

    def add_sidecars(self, accounts: Mapping[str, Account]) -> None:
        """Add what sidecars say, or why it does not count."""
        ending = self.settings.metadata.sidecar
        if ending is None or self.sidecars is None:
            return
        places = beside(pa.array(accounts, pa.string()), self.sidecars, ending)
        read = read_sidecars(self.sidecars.take(places.drop_null()).to_pylist())
        for uri, place in zip(accounts, places.to_pylist(), strict=True):
            if place is None:
                accounts[uri].doubts.append(Doubt("metadata_missing", "sidecar", "there is no sidecar"))
                continue
            sidecar = next(read)
            accounts[uri].sidecar_version = sidecar.version
            if sidecar.wrong:
                accounts[uri].doubts.append(Doubt("metadata_invalid", "sidecar", sidecar.wrong))
            elif sidecar.version:
                self._add(accounts[uri], "sidecar", sidecar.values)

    def key(self, uri: str) -> str:
        """The path of a file below the source; all of it, if it lies elsewhere."""
        return urllib.parse.unquote(uri.removeprefix(self.prefix))

    def _read_paths(self, accounts: Mapping[str, Account]) -> None:
        template = compile_template(self.settings.metadata.path or "")
        for uri, account in accounts.items():
            parts = template.read(self.key(uri))
            if parts is None:
                wrong = f"the path does not look like {self.settings.metadata.path}"
                account.doubts.append(Doubt("metadata_missing", "path", wrong))
            else:
                self._add(account, "path", parts, guess=True)

    def _look_up(self, accounts: Mapping[str, Account], joined: Joined) -> None:
        uris = list(accounts)
        places = joined.find(uris, [self.key(uri) for uri in uris])
        for uri, place, values in zip(uris, places, joined.of(places), strict=True):
            if place.is_valid:
                self._add(accounts[uri], f"join {joined.name}", values)
            else:
                accounts[uri].doubts.append(Doubt("metadata_missing", "join", f"no row of {joined.name} names it"))

    def _add(self, account: Account, origin: str, values: dict[str, Any], *, guess: bool = False) -> None:
        account.said[origin], wrong = read_values(values, self.rules, guess=guess)
        kind = origin.partition(" ")[0]
        account.doubts += [Doubt("metadata_invalid", kind, words) for words in wrong]


def described(planned: pa.Table, describer: Describer, before: Mapping[str, Said] | None = None) -> pa.Table:
    """Rows of a plan with all that is said of their files.

    Args:
        planned: as PLANNED.
        describer: says what is said.
        before: what was said of files before, where the describer may not know it all.
    """
    if not describer.settings.metadata.given or not len(planned):
        return planned
    accounts = describer.accounts(planned["uri"].to_pylist(), join=describer.joined)
    describer.add_sidecars(accounts)
    rows = [_as_planned(account, (before or {}).get(uri, {})) for uri, account in accounts.items()]
    said = pa.Table.from_pylist(rows, schema=pa.schema([PLANNED.field(name) for name in DESCRIBED]))
    if len(rows) < len(planned):  # a file with several versions or passes
        said = said.take(pa.compute.index_in(planned["uri"], value_set=pa.array(accounts, pa.string())))
    return pa.table({name: (said if name in DESCRIBED else planned)[name] for name in PLANNED.names}, PLANNED)


def account_of(row: dict[str, Any]) -> Account:
    """What a row of a plan tells of its file."""
    doubts = [Doubt(**doubt) for doubt in json.loads(row["doubts"] or "[]")]
    return Account(json.loads(row["said"] or "{}"), doubts, row["sidecar_version"])


def _as_planned(account: Account, before: Said) -> dict[str, Any]:
    said = {**before, **account.said}
    columns = as_row(counted(said))
    return {
        **{name: columns[name] for name in ("sensor_id", "sequence_id", "metadata")},
        "said": json.dumps(said),
        "doubts": json.dumps([doubt.__dict__ for doubt in account.doubts]),
        "sidecar_version": account.sidecar_version,
    }
