"""Groups: what belongs to one recording, or repeats one picture, is one. Ids of groups never change."""

from blake3 import blake3

GROUP = "coalesce(s.video_uri, s.sequence_id, d.kept_id, s.sample_id)"
"""SQL for the group of a row `s` of `samples`, with `d` its row of `duplicates`, if it has one."""


def drawn(group: str, share: float, purpose: str) -> bool:
    """Whether a group is among the share that is drawn for a purpose: by its id alone, so it is never asked twice."""
    return place_of(group, purpose) < share


def place_of(group: str, purpose: str) -> float:
    """A place from 0 to 1 that the group has for that purpose, as if by chance."""
    return int.from_bytes(blake3(f"{purpose}\0{group}".encode("utf-8", "surrogateescape")).digest()[:8], "big") / 2**64
