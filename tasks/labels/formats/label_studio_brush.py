"""Masks as Label Studio's brush writes them: the bits of an RGBA picture, run by run (rle-pack by K. Schmidt, 2017).

A header of 53 bits: how many values (32), bits of a value less one (5), bits of each of four kinds of lengths less one
(4). Then blocks: one bit (1: one value, repeated; 0: as many values), the kind of length (2), the length less one, and
the value or values.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.labels.formats.runs import from_pixels, pixels, resized
from tasks.labels.values import BadLabel, Value

MAX_PIXELS = 250_000_000
"""A mask that says it is larger is refused: four bytes a pixel would only fill the memory."""

_LENGTH_BITS = (3, 4, 8, 16)


def as_brush(rle: Value) -> list[int]:
    """The bytes of a mask that is told as COCO does: `size` (height, width) and `counts`. Raises BadLabel."""
    inside = pixels(rle).astype(bool).ravel()
    edges = np.flatnonzero(np.diff(inside)) + 1
    starts = np.concatenate([[0], edges])
    lengths = 4 * np.diff(np.concatenate([starts, [len(inside)]]))
    blocks = [block for run in zip(lengths, inside[starts], strict=True) for block in _blocks(*run)]
    header = f"{4 * len(inside):032b}{7:05b}" + "".join(f"{bits - 1:04b}" for bits in _LENGTH_BITS)
    bits = header + "".join(blocks)
    bits += "0" * (-len(bits) % 8)
    return list(int(bits, 2).to_bytes(len(bits) // 8, "big"))


def from_brush(packed: Any, stated: tuple[int, int], size: tuple[int, int]) -> Value:
    """The mask as COCO tells it.

    Args:
        packed: its bytes, as numbers.
        stated: width and height of the picture that was painted on.
        size: width and height of the upright original, to which it is scaled.

    Raises:
        BadLabel: they are no mask of that size.
    """
    width, height = stated
    if not 0 < width * height <= MAX_PIXELS:
        raise BadLabel(f"a mask of {width} x {height} pixels is too large")
    try:
        values = _values(bytes(packed), 4 * width * height)
    except (IndexError, TypeError, ValueError) as error:
        raise BadLabel(f"a mask is damaged, or is not one of {width} x {height} pixels") from error
    runs = from_pixels((values.reshape(height, width, 4)[:, :, 3] > 127).astype(np.uint8))
    return runs if size == stated else resized(runs, size[0] / width, size[1] / height)


def _blocks(length: int, is_inside: bool) -> list[str]:
    longest = 1 << _LENGTH_BITS[3]
    whole, rest = divmod(int(length), longest)
    lengths = [longest] * whole + ([rest] if rest else [])
    return [f"111{one - 1:016b}{255 if is_inside else 0:08b}" for one in lengths]


class _Bits:
    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def read(self, count: int) -> int:
        start, self._at = self._at, self._at + count
        if self._at > 8 * len(self._content):
            raise IndexError("the bits end here")
        part = self._content[start // 8 : (self._at + 7) // 8]
        return int.from_bytes(part, "big") >> (-self._at % 8) & ((1 << count) - 1)


def _values(content: bytes, expected: int) -> npt.NDArray[np.uint8]:
    bits = _Bits(content)
    if bits.read(32) != expected:
        raise ValueError("another number of values")
    value_bits = bits.read(5) + 1
    length_bits = [bits.read(4) + 1 for _ in _LENGTH_BITS]
    values = np.zeros(expected, np.uint8)
    at = 0
    while at < expected:
        is_run = bits.read(1)
        end = at + 1 + bits.read(length_bits[bits.read(2)])
        if end > expected:
            raise ValueError("more values than announced")
        values[at:end] = bits.read(value_bits) if is_run else [bits.read(value_bits) for _ in range(at, end)]
        at = end
    return values
