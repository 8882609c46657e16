"""What a picture says of itself: when, with which camera, where. Broken or absurd values are left out, never fatal."""

import math
from datetime import UTC, datetime, tzinfo
from typing import Any

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base


def captured_at(exif: Image.Exif, zone: tzinfo = UTC) -> datetime | None:
    """When the picture was taken, in UTC: the original time, else the digitized one.

    Args:
        exif: EXIF of the picture.
        zone: time zone of cameras that do not record theirs.
    """
    details = _ifd(exif, IFD.Exif)
    stamps = (
        (Base.DateTimeOriginal, Base.OffsetTimeOriginal, Base.SubsecTimeOriginal),
        (Base.DateTimeDigitized, Base.OffsetTimeDigitized, Base.SubsecTimeDigitized),
    )
    for stamp, offset, fraction in stamps:
        taken = _time(details.get(stamp), details.get(offset), details.get(fraction), zone)
        if taken:
            return taken
    return None


def camera(exif: Image.Exif) -> str | None:
    """Make and model, as `Canon EOS 40D`."""
    make, model = _text(exif.get(Base.Make)), _text(exif.get(Base.Model))
    if make and model and model.lower().startswith(make.split()[0].lower()):
        return model
    return " ".join(part for part in (make, model) if part) or None


def settings(exif: Image.Exif) -> dict[str, Any]:
    """Camera, lens and exposure, as far as they are recorded: no position, no serial number, no owner."""
    details = _ifd(exif, IFD.Exif)
    found = {
        "make": _text(exif.get(Base.Make)),
        "model": _text(exif.get(Base.Model)),
        "lens": _text(details.get(Base.LensModel)),
        "exposure_s": _number(details.get(Base.ExposureTime)),
        "f_number": _number(details.get(Base.FNumber)),
        "iso": _number(details.get(Base.ISOSpeedRatings)),
        "focal_length_mm": _number(details.get(Base.FocalLength)),
    }
    return {name: value for name, value in found.items() if value is not None}


def position(exif: Image.Exif) -> tuple[float, float] | None:
    """Degrees north and east of where the picture was taken."""
    gps = _ifd(exif, IFD.GPSInfo)
    north = _degrees(gps.get(GPS.GPSLatitude), gps.get(GPS.GPSLatitudeRef), "S")
    east = _degrees(gps.get(GPS.GPSLongitude), gps.get(GPS.GPSLongitudeRef), "W")
    if north is None or east is None or abs(north) > 90 or abs(east) > 180:
        return None
    return north, east


def _ifd(exif: Image.Exif, name: int) -> dict[int, Any]:
    try:
        return dict(exif.get_ifd(name))
    except Exception:  # Pillow raises whatever the broken bytes make it raise
        return {}


def _time(stamp: Any, offset: Any, fraction: Any, zone: tzinfo) -> datetime | None:
    text = _text(stamp) or ""
    for pattern in ("%Y:%m:%d %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"):
        try:
            local = datetime.strptime(text[:19], pattern)
        except ValueError:
            continue
        digits = (_text(fraction) or "").strip()
        if digits.isdecimal():
            local = local.replace(microsecond=int(digits[:6].ljust(6, "0")))
        try:
            return local.replace(tzinfo=_offset(offset) or zone).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
    return None


def _offset(offset: Any) -> tzinfo | None:
    try:
        return datetime.strptime((_text(offset) or "").replace("Z", "+00:00"), "%z").tzinfo
    except ValueError:
        return None


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    printable = "".join(letter for letter in value.partition("\0")[0] if letter.isprintable())
    return printable.strip()[:200] or None


def _number(value: Any) -> float | None:
    if isinstance(value, tuple) and value:
        value = value[0]
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return round(number, 6) if math.isfinite(number) else None


def _degrees(parts: Any, reference: Any, negative: str) -> float | None:
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(value):
        return None
    return -value if _text(reference) == negative else value
