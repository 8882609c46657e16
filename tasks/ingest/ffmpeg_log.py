"""What ffmpeg says of a video while it decodes: the header of the container, complaints, and how much it read.

There is no ffprobe beside the ffmpeg of a wheel, and one program that opens a hostile file is enough. Names and titles
in the file cannot pass for ffmpeg's own lines: these are known by their level and by how far they are indented.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from threading import Event
from typing import BinaryIO

_LINE = re.compile(r"((?:\[[^\[\]]* @ 0x[0-9a-f]+\] )*)\[(\w+)\] (.*)")
_LONGEST_LINE = 4096
_MOST_LINES = 2000
_MOST_COMPLAINTS = 20
_PATIENCE_S = 60

_CONTAINER = re.compile(r"Input #0, (.*), from '")
_DURATION = re.compile(r"  Duration: (\d+):(\d+):(\d+\.\d+)")
_MAPPED = re.compile(r"  Stream #0:(\d+) -> #0:0 ")
_ROTATION = re.compile(r" +(?i:display ?matrix): rotation of (-?[\d.]+) degrees")
_TAG = re.compile(r"    (\S+) *: (.*)")
_POSITION = re.compile(r"([+-]\d+(?:\.\d+)?)([+-]\d+(?:\.\d+)?)")
_EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
"""Before it a clock was not set: containers count from 1904 or 1970."""


@dataclass(frozen=True)
class Header:
    """What the container claims; None where it claims nothing.

    Attributes:
        container: ffmpeg's names of the format.
        codec: ffmpeg's name.
        duration_s: seconds.
        fps: frames a second, on average.
        rotation: degrees clockwise that make the stored picture upright: 0, 90, 180 or 270.
        tags: of the container, then of the stream, by lower-case name; hostile text.
    """

    container: str | None = None
    codec: str | None = None
    duration_s: float | None = None
    fps: float | None = None
    rotation: int = 0
    tags: dict[str, str] = field(default_factory=dict)

    def captured_at(self, zone: tzinfo) -> datetime | None:
        """When the recording began, in UTC; `zone` is that of clocks that name none."""
        for name in ("com.apple.quicktime.creationdate", "creation_time", "date"):
            try:
                stamp = datetime.fromisoformat(self.tags.get(name, "").partition(";")[0])
                stamp = (stamp if stamp.tzinfo else stamp.replace(tzinfo=zone)).astimezone(UTC)
            except (ValueError, OverflowError):
                continue
            if stamp > _EARLIEST:
                return stamp
        return None

    def camera(self) -> tuple[str | None, str | None]:
        """Make and model."""
        return self._tag("make"), self._tag("model")

    def position(self) -> tuple[float, float] | None:
        """Degrees north and east of where the recording began (ISO 6709)."""
        found = _POSITION.match(self.tags.get("location", self.tags.get("com.apple.quicktime.location.iso6709", "")))
        if not found:
            return None
        north, east = float(found[1]), float(found[2])
        return (north, east) if abs(north) <= 90 and abs(east) <= 180 else None

    def _tag(self, name: str) -> str | None:
        stated = self.tags.get(f"com.apple.quicktime.{name}") or self.tags.get(f"com.android.{name}")
        text = stated or self.tags.get(name, "")
        return "".join(letter for letter in text if letter.isprintable()).strip()[:200] or None


class Log:
    """Listens to ffmpeg; `listen` runs in a thread of its own until ffmpeg ends."""

    def __init__(self) -> None:
        self._opened = Event()
        self._at_the_mapping = False
        self._lines: list[str] = []
        self._stream: str | None = None
        self._complaints: Counter[str] = Counter()
        self.frames_read: int | None = None
        self.was_stopped = False

    def listen(self, stderr: BinaryIO) -> None:
        """Take in every line, however many there are; only a few are kept."""
        try:
            while line := stderr.readline(_LONGEST_LINE):
                self._hear(line.decode("utf-8", "replace").rstrip())
        finally:
            self._opened.set()
            stderr.close()

    def header(self) -> Header:
        """What the container claims; waits until ffmpeg has opened it."""
        self._opened.wait(_PATIENCE_S)
        return _header(self._lines, self._stream or "0")

    def complaints(self) -> list[str]:
        """What went wrong, the most frequent first, each with how often it was said."""
        return [f"{words} ({n} times)" if n > 1 else words for words, n in self._complaints.most_common()]

    def _hear(self, line: str) -> None:
        found = _LINE.match(line)
        if not found:
            return
        who, level, words = found.groups()
        if level in ("error", "fatal", "panic") or (level == "warning" and "corrupt" in words.lower()):
            plain = re.sub(r"\b(0x[0-9a-f]+|\d+)\b", "N", words)  # the same complaint of another block or packet
            if plain in self._complaints or len(self._complaints) < _MOST_COMPLAINTS:
                self._complaints[plain] += 1
        elif words.startswith("Exiting normally, received signal ") and not who:
            self.was_stopped = True
        elif not self._opened.is_set():
            self._read_header(who, words)
        elif self._stream and words.startswith(f"  Input stream #0:{self._stream} (video): "):
            self.frames_read = int(words.split()[4])

    def _read_header(self, who: str, words: str) -> None:
        if self._at_the_mapping and (mapped := _MAPPED.match(words)):
            self._stream = mapped[1]
            self._opened.set()
        elif not who:
            self._at_the_mapping = words == "Stream mapping:"
            self._lines += [words] if len(self._lines) < _MOST_LINES else []


def _header(lines: list[str], stream: str) -> Header:
    """Sections: the input with its tags, then one a stream, each with its tags and side data."""
    container = duration = None
    for line in lines:
        if found := _CONTAINER.match(line):
            container = found[1]
        elif found := _DURATION.match(line):
            duration = int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])
    own = list(_section(lines, re.compile(rf"  Stream #0:{stream}(?!\d).*?: Video: ")))
    described = own[0].partition(": Video: ")[2] if own else ""
    codec = re.match(r"\w+", described)
    fps = re.search(r", ([\d.]+)(k?) fps", described)
    turned = next((found for line in own if (found := _ROTATION.match(line))), None)
    return Header(
        container=container,
        codec=codec[0] if codec else None,
        duration_s=duration,
        fps=float(fps[1]) * (1000 if fps[2] else 1) if fps else None,
        rotation=round(-float(turned[1]) / 90) % 4 * 90 if turned else 0,
        tags={**_tags(own[1:], "      "), **_tags(list(_section(lines, _CONTAINER)), "    ")},
    )


def _section(lines: list[str], title: re.Pattern[str]) -> Iterator[str]:
    """The line that the title matches, and those up to the next stream."""
    inside = False
    for line in lines:
        if title.match(line):
            inside = True
        elif inside and line.startswith(("  Stream #", "Stream mapping:")):
            return
        if inside:
            yield line


def _tags(lines: list[str], indent: str) -> dict[str, str]:
    found = [_TAG.fullmatch(line.removeprefix(indent[4:])) for line in lines if line.startswith(indent)]
    return {one[1].lower(): one[2] for one in found if one and not one[1].startswith(" ")}
