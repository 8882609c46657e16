"""Gather what a reader finds into pictures; a row that is wrong costs only itself."""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tasks.labels.formats.picture import Contents, Picture, Wanted
from tasks.labels.values import EMPTY, BadLabel, Value, canonical, canonical_prediction


@dataclass
class _Seen:
    width: int | None = None
    height: int | None = None
    parts: list[Value] = field(default_factory=list)
    about: Value = field(default_factory=dict)
    answer: str | None = None
    trouble: list[str] = field(default_factory=list)


class Gathered:
    """What was found so far, picture by picture."""

    def __init__(self, kind: Wanted, *, relative: bool = False) -> None:
        self._kind: Wanted = kind
        self._classes: dict[str, None] = {}
        self._relative = relative
        self._seen: dict[str, _Seen] = {}
        self._skipped: Counter[str] = Counter()
        self._trouble: list[str] = []

    def classes(self, names: Iterable[str]) -> None:
        """Classes that the format names, in their order, whether or not anything is of them."""
        self._classes |= dict.fromkeys(names)

    def see(self, name: str, width: object = None, height: object = None) -> None:
        """A picture is there, of that size, whether or not anything is on it."""
        seen = self._seen.setdefault(_named(name), _Seen())
        if seen.width is None and width and height:
            with contextlib.suppress(ValueError, TypeError, OverflowError):
                sizes = int(float(str(width))), int(float(str(height)))
                seen.width, seen.height = sizes if min(sizes) > 0 else (None, None)

    def add(self, name: str, part: Value) -> None:
        """A box, a mask, {"class": name} or {class: probability}. Raises BadLabel; see `row`."""
        if self._kind == "probabilities":
            plain = canonical_prediction({"probabilities": part})["probabilities"]
        elif self._kind in ("boxes", "masks"):
            (plain,) = canonical(self._kind, {self._kind: [part]})[self._kind]
        else:
            plain = canonical("class", part)
        names = plain if self._kind == "probabilities" else [plain["class"]]
        self.see(name)
        self._seen[name].parts.append(plain)
        self._classes |= dict.fromkeys(names)

    def skip(self, what: str) -> None:
        """Something of another type is there."""
        self._skipped[what] += 1

    def about(self, name: str, attributes: Value) -> None:
        """Attributes of the whole label. Raises BadLabel."""
        self.see(name)
        self._seen[name].about |= canonical("boxes", {**EMPTY, "attributes": attributes}).get("attributes", {})

    def answer(self, name: str, answer: str) -> None:
        """An answer that is no label: `empty` or `unusable`. Raises BadLabel."""
        plain = canonical("boxes", {"answer": answer})
        self.see(name)
        self._seen[name].answer = plain["answer"]

    @contextlib.contextmanager
    def row(self, name: str | None, what: str) -> Iterator[None]:
        """Whatever is wrong with what is read inside is noted as trouble of that picture, and goes no further."""
        try:
            yield
        except (BadLabel, KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError) as error:
            why = f"{error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
            told = f"{what}: {why}"[:300]
            if name is not None and name in self._seen:
                self._seen[name].trouble.append(told)
            else:
                self._trouble.append(told)

    def contents(self) -> Contents:
        """All of it."""
        pictures = [self._picture(name, seen) for name, seen in self._seen.items()]
        notes = [f"{count:,} {what} in it are no {self._kind}" for what, count in self._skipped.items()]
        stated = sum(len(seen.parts) + (seen.answer is not None) for seen in self._seen.values())
        return Contents(self._kind, list(self._classes), pictures, stated, self._trouble, notes)

    def _picture(self, name: str, seen: _Seen) -> Picture:
        value: Value | None = {"answer": seen.answer} if seen.answer else None
        if seen.parts:
            value = self._whole(seen)
        elif value is None and not seen.trouble and self._kind in ("boxes", "masks"):
            value = EMPTY
        if value is not None and seen.about:
            value = {**value, "attributes": seen.about}
        return Picture(name, value, seen.width, seen.height, self._relative, tuple(seen.trouble))

    def _whole(self, seen: _Seen) -> Value:
        if self._kind in ("boxes", "masks"):
            return {self._kind: seen.parts}
        if self._kind == "probabilities":
            return {"probabilities": {name: share for part in seen.parts for name, share in part.items()}}
        for part in seen.parts:
            seen.about |= part.get("attributes", {})
        first, *more = dict.fromkeys(part["class"] for part in seen.parts)
        if self._kind == "multilabel":
            return {"classes": sorted([first, *more])}
        if more:
            seen.trouble.append(f"it is said to be {', '.join(map(repr, more))}, too")
        return {"class": first}


def _named(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise BadLabel("it names no picture")
    return name
