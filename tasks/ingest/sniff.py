"""Whether a file is a picture or a video: by its name before it is read, by its first bytes then, for names lie."""

import pyarrow as pa
import pyarrow.compute as pc

from tasks.ingest.settings import VIDEOS

HEAD_BYTES = 1024
"""How many first bytes are looked at."""

_VIDEO_NAME = rf"(?i)\.({'|'.join(VIDEOS)})$"

_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"8BPS", b"\0\0\0\x0cjP  ", b"qoif")

_PICTURE_BRANDS = (
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1", b"avif", b"avis", b"jpx ", b"crx ",
)  # fmt: skip
"""Of ISO media files those that hold stills, or a few in a row."""

_VIDEOS = (
    b"\x1aE\xdf\xa3", b"FLV\x01", b"OggS", b"DKIF", b"\0\0\x01\xba", b"\0\0\x01\xb3", b"YUV4MPEG2", b"nut/multimedia",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"\x06\x0e\x2b\x34\x02\x05\x01\x01",
)  # fmt: skip
"""Matroska and WebM, Flash, Ogg, IVF, MPEG, raw, NUT, Windows Media, MXF."""

_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""What an ISO media or QuickTime file begins with, behind four bytes of length."""

_PACKETS = ((0, 188), (4, 192))
"""MPEG transport streams: place of the first sync byte, bytes from one to the next."""


def named_like_videos(uris: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether each name ends as those of videos do."""
    return pc.match_substring_regex(uris, _VIDEO_NAME)


def is_picture(head: bytes) -> bool:
    """Whether the first bytes are those of a picture."""
    if head[4:8] == b"ftyp":
        return head[8:12] in _PICTURE_BRANDS
    return head.startswith(_PICTURES) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")


def is_video(head: bytes) -> bool:
    """Whether the first bytes are those of a container of moving pictures."""
    if head[4:8] in _ATOMS:
        return not is_picture(head)
    if head.startswith(b"RIFF"):
        return head[8:12] == b"AVI "
    return head.startswith(_VIDEOS) or any(_is_transport_stream(head, *packet) for packet in _PACKETS)


def _is_transport_stream(head: bytes, first: int, step: int) -> bool:
    return len(head) == HEAD_BYTES and all(byte == 0x47 for byte in head[first::step])
