"""Why an object is no sample: rejects are final for that version of the file, deferrals are tried again."""

from enum import StrEnum


class Reject(StrEnum):
    """Final: about the bytes themselves, or settled by a person. `winnow retry` opens them again."""

    EMPTY = "empty"
    """The file has no bytes."""
    TOO_LARGE = "too_large"
    """More bytes than `ingest.max_bytes`, or `ingest.video.max_bytes`."""
    NOT_AN_IMAGE = "not_an_image"
    """No decoder recognises the bytes as a picture."""
    TOO_MANY_PIXELS = "too_many_pixels"
    """The header claims more pixels than `ingest.max_pixels`."""
    NOT_A_VIDEO = "not_a_video"
    """It is named like a video, and ffmpeg finds none in it; a playlist, which leads to other files, is none."""
    NO_VIDEO_STREAM = "no_video_stream"
    """The container holds sound or data, and no moving picture."""
    TOO_MANY_FRAMES = "too_many_frames"
    """More frames would be taken than `ingest.video.max_frames`."""
    DAMAGED = "damaged"
    """The picture breaks off, or its data contradict themselves; of a video not one frame can be decoded."""
    CPU_LIMIT = "cpu_limit"
    """Decoding took more processor time than `ingest.max_cpu_s`, or `ingest.video.max_cpu_s`."""
    MEMORY_LIMIT = "memory_limit"
    """Decoding asked for more memory than `ingest.max_pixels` pixels need, or than `ingest.video.max_memory`."""
    DECODER_CRASH = "decoder_crash"
    """The decoder died of these bytes, twice, the second time alone."""
    UNREACHABLE = "unreachable"
    """Deferred in three batches in a row."""
    DISCARDED = "discarded"
    """Its batch was held, and a person discarded it."""
    FORGOTTEN = "forgotten"
    """It has the bytes of something that was forgotten: the row says no name, and nothing opens it again."""


class Deferral(StrEnum):
    """Not final: about reaching the bytes. The object is listed again in the next run."""

    NOT_FOUND = "not_found"
    """Listed, but gone when it was read."""
    PERMISSION = "permission"
    """Reading it is not allowed."""
    CHANGED = "changed"
    """It was written to between listing and reading; the new version is an object of its own."""
    ARCHIVED = "archived"
    """The bucket keeps it in an archive, and it was not restored."""
    IO_ERROR = "io_error"
    """The store failed: network, disk, mount."""


MAX_DEFERRALS = 3
"""An object that could not be reached in so many batches is rejected as unreachable."""
