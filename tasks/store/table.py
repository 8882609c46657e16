"""What a table is: columns, what each means, and its key."""

from dataclasses import dataclass

import pyarrow as pa

TEXT = pa.string()
TIME = pa.timestamp("us", tz="UTC")
JSON = pa.string()

UNENFORCED_KEY = {"lance-schema:unenforced-primary-key": "true"}
AS_IT_IS = {"lance-encoding:compression": "none"}


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type and what it holds, with its unit; `compressed` where its values are already."""

    name: str
    type: pa.DataType
    doc: str
    compressed: bool = False


@dataclass(frozen=True)
class Table:
    """One table. `key` names the column that no two rows share."""

    name: str
    doc: str
    key: str
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema; the key is not null and says so to Lance's conflict detection."""
        return pa.schema([self._field(column) for column in self.columns])

    def _field(self, column: Column) -> pa.Field:
        if column.name == self.key:
            return pa.field(column.name, column.type, nullable=False, metadata=UNENFORCED_KEY)
        return pa.field(column.name, column.type, metadata=AS_IT_IS if column.compressed else None)
