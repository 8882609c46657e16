"""Bytes to upright RGB pixels, strictly: a picture that breaks off is damaged, however well it hides it."""

import io
import re
import warnings
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pillow_heif
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from tasks.store.reasons import Reject

Pixels = NDArray[np.uint8]

FORMATS = (
    "JPEG", "PNG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "HEIF", "AVIF", "JPEG2000", "PPM", "PSD", "TGA", "SGI",
    "PCX", "ICO", "ICNS", "FLI", "QOI",
)  # fmt: skip
"""Formats that are opened, by Pillow's names. Those that run other programs (EPS, WMF) or hold no picture are not."""

_EXIF_ORIENTATION = 0x0112
_BENIGN_JPEG = re.compile(r"extraneous bytes before marker 0x(?!d[0-79])")
"""Junk between header segments. Before a restart or end marker it means that the pixels are wrong."""
_BROKEN_JPEG = re.compile(r"Corrupt JPEG data|Premature end")

_SAYS_MORE = (b"Exif\0", b"http://ns.adobe.com/", b"MPF\0")
"""Marks of an orientation, a time or further pictures in the header of a JPEG."""
_PLAIN = {"Gray": "L", "YCbCr": "RGB"}

pillow_heif.register_heif_opener()
cv2.setNumThreads(1)


class Undecodable(Exception):
    """These bytes give no picture. `reason` is final for them, `detail` is what the decoder said."""

    def __init__(self, reason: Reject, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        pixels: (h, w, 3) uint8 RGB, upright; smaller than the original if it was decoded scaled.
        width: pixels of the upright original.
        height: pixels of the upright original.
        format: Pillow's name, say JPEG.
        mode: Pillow's mode of the stored picture, say CMYK.
        exif: its EXIF, empty if there is none or it is broken.
    """

    pixels: Pixels
    width: int
    height: int
    format: str
    mode: str
    exif: Image.Exif


def decode(content: bytes, *, max_pixels: int, short_side: int | None = None) -> Picture:
    """Decode a picture of any format in FORMATS; of several frames or pages, the first.

    16-bit and floating-point pictures are stretched linearly between their 0.1 and 99.9 percentiles; transparency is
    laid on white; embedded colour profiles are not applied.

    Args:
        content: the file.
        max_pixels: more are refused before anything is decoded.
        short_side: allows to decode smaller, with at least so many pixels on the short side.

    Raises:
        Undecodable: with the reason.
    """
    if not content:
        raise Undecodable(Reject.EMPTY, "0 bytes")
    Image.MAX_IMAGE_PIXELS = max(1, max_pixels // 2)  # Pillow refuses twice that, in nested pictures too
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(content, max_pixels, short_side)
    except Undecodable:
        raise
    except UnidentifiedImageError as error:
        raise Undecodable(Reject.NOT_AN_IMAGE, "no decoder recognises it") from error
    except Image.DecompressionBombError as error:
        raise Undecodable(Reject.TOO_MANY_PIXELS, str(error)) from error
    except MemoryError as error:
        raise Undecodable(Reject.MEMORY_LIMIT, str(error) or "out of memory") from error
    except Exception as error:  # decoders raise anything: SyntaxError, TypeError, struct.error, ...
        raise Undecodable(Reject.DAMAGED, f"{type(error).__name__}: {error}") from error


def decode_thumbnail(jpeg: bytes) -> Pixels:
    """The pixels, (h, w, 3) uint8 RGB, of a thumbnail that Winnow wrote."""
    pixels: Pixels = simplejpeg.decode_jpeg(jpeg, "RGB")
    return pixels


def _decode(content: bytes, max_pixels: int, short_side: int | None) -> Picture:
    plain = _plain_jpeg(content, max_pixels, short_side) if short_side else None
    return plain or _any_picture(content, max_pixels, short_side)


def _plain_jpeg(content: bytes, max_pixels: int, short_side: int) -> Picture | None:
    """A sound JPEG of grey or YCbCr whose header says nothing else; opening it with Pillow takes longer than it helps.

    None for all others, the damaged ones too: they are looked at closely.
    """
    header = content[: content.find(b"\xff\xda")]
    if not content.startswith(b"\xff\xd8\xff") or any(mark in header for mark in _SAYS_MORE):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(content)
        if colours not in _PLAIN or width * height > max_pixels:
            return None
        pixels = simplejpeg.decode_jpeg(content, "RGB", **_quick((width, height), short_side))
    except ValueError:
        return None
    return Picture(pixels, width, height, "JPEG", _PLAIN[colours], Image.Exif())


def _any_picture(content: bytes, max_pixels: int, short_side: int | None) -> Picture:
    image = Image.open(io.BytesIO(content), formats=FORMATS)
    width, height = image.size
    if width * height > max_pixels:
        raise Undecodable(Reject.TOO_MANY_PIXELS, f"{width} x {height}")
    mode = image.mode
    if image.format in ("JPEG", "MPO"):
        pixels = _jpeg_pixels(content, image, short_side)
    else:
        image.load()
        pixels = _pixels(image, short_side)
    exif = _exif(image)
    orientation = exif.get(_EXIF_ORIENTATION, 1)
    width, height = image.size
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    return Picture(upright(pixels, orientation), width, height, str(image.format), mode, exif)


def upright(pixels: Pixels, orientation: Any) -> Pixels:
    """Turn and flip pixels by an EXIF orientation, 1 to 8; anything else leaves them."""
    match orientation:
        case 2:
            pixels = pixels[:, ::-1]
        case 3:
            pixels = pixels[::-1, ::-1]
        case 4:
            pixels = pixels[::-1]
        case 5:
            pixels = pixels.transpose(1, 0, 2)
        case 6:
            pixels = np.rot90(pixels, 3)
        case 7:
            pixels = pixels[::-1, ::-1].transpose(1, 0, 2)
        case 8:
            pixels = np.rot90(pixels)
    return np.ascontiguousarray(pixels)


def _jpeg_pixels(content: bytes, image: Image.Image, short_side: int | None) -> Pixels:
    """Through libjpeg-turbo, which complains where Pillow fills up with grey."""
    colours = "CMYK" if image.mode == "CMYK" else "RGB"
    quick = _quick(image.size, short_side) if short_side else {}
    try:
        pixels = simplejpeg.decode_jpeg(content, colours, **quick)
    except ValueError as error:
        if _BROKEN_JPEG.search(str(error)) and not _BENIGN_JPEG.search(str(error)):
            raise Undecodable(Reject.DAMAGED, str(error)) from error
        image.load()
        return _pixels(image, short_side)
    return _from_cmyk(pixels, inverted="adobe" in image.info) if colours == "CMYK" else pixels


def _quick(size: tuple[int, int], short_side: int) -> dict[str, Any]:
    """Decode to a half, a quarter or an eighth, or whole: at any scale in between libjpeg-turbo has no vector code.

    Photographs of 400 x 533 pixels take half the time whole that they take at six eighths.
    """
    factor = next(factor for factor in (8, 4, 2, 1) if factor == 1 or min(size) >= factor * short_side)
    width, height = (-(-side // factor) for side in size)
    return {"fastdct": True, "fastupsample": True, "min_width": width, "min_height": height, "min_factor": 1}


def _from_cmyk(pixels: Pixels, *, inverted: bool) -> Pixels:
    light = (pixels if inverted else 255 - pixels).astype(np.uint16)
    return (light[..., :3] * light[..., 3:] // 255).astype(np.uint8)


def _pixels(image: Image.Image, short_side: int | None) -> Pixels:
    if image.mode.startswith(("I", "F")):
        return _stretched(np.asarray(image))
    if image.has_transparency_data:
        image = image.convert("RGBA")
    elif image.mode not in ("RGB", "L"):
        image = image.convert("RGB")
    if short_side and min(image.size) >= 2 * short_side:
        image = image.reduce(min(image.size) // short_side)
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))


def _stretched(values: NDArray[Any]) -> Pixels:
    values = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = np.percentile(values, (0.1, 99.9))
    scaled = (values - low) * (255.0 / max(float(high - low), 1e-12))
    grey = np.clip(scaled, 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _exif(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except Exception:  # broken EXIF is no reason to lose a picture
        return Image.Exif()
