"""What names something that is to be forgotten: in a text, a value of JSON, a row, an element of XML."""

import re
import urllib.parse
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tasks.forget.concern import Concern, name_of

GONE = object()
"""Stands for a value that has to go."""

_ID = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}")
_PART = re.compile(r"""[\\/"'<>,;|\s?=&()\[\]{}]+""")


@dataclass(frozen=True)
class Mentions:
    """Finds what names forgotten samples and files; other files of which the name is a part are not meant."""

    concern: Concern

    @cached_property
    def ids(self) -> frozenset[str]:
        """Hashes that stand for what is forgotten."""
        return frozenset((*self.concern.samples, *self.concern.contents))

    @cached_property
    def names(self) -> frozenset[str]:
        """URIs and names of files."""
        return frozenset((*self.concern.uris, *self.concern.names))

    @cached_property
    def pictures(self) -> frozenset[str]:
        """Files of frames, below the root."""
        return frozenset(self.concern.pictures)

    @cached_property
    def sizes(self) -> frozenset[str]:
        """Bytes of the files, as text."""
        return frozenset(self.concern.sizes)

    def text(self, text: str) -> bool:
        """Whether a text is, holds or ends in the id, URI or name of something forgotten."""
        if any(found in self.ids for found in _ID.findall(text)):
            return True
        text = text.strip("\r\n")
        end = re.split(r"[\\/]", text)[-1].strip()
        return bool(self.names) and not self.names.isdisjoint((text, end, urllib.parse.unquote(end), name_of(text)))

    def line(self, line: str) -> bool:
        """Whether a line of text has a word, or all of it, that names something forgotten."""
        return self.text(line) or any(self.text(word) for word in _PART.split(line))

    def without(self, value: Any) -> Any:
        """A value of JSON without what names something forgotten; GONE if nothing of it is left.

        What names it goes together with what stands beside it: from the list that it is in, whole.
        """
        if isinstance(value, str):
            return GONE if self.text(value) else value
        if isinstance(value, list):
            return [left for left in map(self.without, value) if left is not GONE]
        if not isinstance(value, dict):
            return value
        left = {name: self.without(part) for name, part in value.items() if not self.text(name)}
        if any(part is GONE for part in left.values()):
            return GONE
        return _without_shapes_of(value, left)


def _without_shapes_of(before: dict[str, Any], left: dict[str, Any]) -> dict[str, Any]:
    """COCO's shapes name their picture by its number: those of a picture that went go with it."""
    if not (isinstance(before.get("images"), list) and isinstance(left.get("annotations"), list)):
        return left
    numbers = {one.get("id") for one in left["images"] if isinstance(one, dict)}
    gone = {one.get("id") for one in before["images"] if isinstance(one, dict)} - numbers
    shapes = [one for one in left["annotations"] if not (isinstance(one, dict) and one.get("image_id") in gone)]
    return left | {"annotations": shapes}
