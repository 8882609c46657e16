"""What is to be asked about a sample a second time."""

from dataclasses import dataclass

from tasks.labels.values import Value


@dataclass(frozen=True)
class Again:
    """A sample to ask about again: what a reviewer starts from, why, and how urgent it is, 0 to 1."""

    sample_id: str
    value: Value | None = None
    note: str = ""
    priority: float = 0.0
