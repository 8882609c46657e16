"""Settings of ingest."""

from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import ByteSize, Field, field_validator

from tasks.ingest.metadata.settings import MetadataSettings
from tasks.store.settings import StrictModel

PICTURES = [
    "jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "webp", "tif", "tiff", "bmp", "dib", "gif", "heic", "heif",
    "hif", "avif", "jp2", "j2k", "jpx", "jpf", "jpc", "ppm", "pgm", "pbm", "pnm", "pfm", "psd", "tga", "sgi", "rgb",
    "bw", "pcx", "ico", "icns", "fli", "flc", "qoi", "svg",
]  # fmt: skip


VIDEOS = [
    "mp4", "m4v", "mov", "qt", "mkv", "webm", "avi", "divx", "mpg", "mpeg", "m1v", "m2v", "vob", "ts", "mts", "m2ts",
    "wmv", "asf", "flv", "f4v", "3gp", "3g2", "ogv", "ogm", "mxf", "mjpeg", "mjpg", "h264", "264", "h265", "265",
    "hevc", "ivf", "dv", "nut", "y4m",
]  # fmt: skip


class VideoSettings(StrictModel):
    """Which frames of a video are taken, and what decoding one video may cost."""

    mode: Literal["interval", "keyframes", "scenes"] = Field(
        default="interval",
        description="`interval`: the first frame at or after each multiple of every_s; `keyframes`: those that are "
        "stored whole, the cheapest to decode; `scenes`: the first of each shot.",
    )
    every_s: float = Field(default=1.0, ge=0.001, le=86_400, description="Seconds between two frames (interval).")
    scene_change: float = Field(
        default=0.1, gt=0, lt=1, description="Change from one frame to the next that is a cut, 0 to 1 (scenes)."
    )
    quality: int = Field(default=92, ge=1, le=100, description="JPEG quality of the frames kept below media/.")
    max_frames: int = Field(default=100_000, ge=1, description="Videos that would give more frames are rejected.")
    max_bytes: ByteSize = Field(default=ByteSize(50 * 10**9), ge=1, description="Larger videos are rejected.")
    max_cpu_s: int = Field(default=14_400, ge=1, description="Processor seconds that decoding one video may take.")
    max_memory: ByteSize = Field(
        default=ByteSize(4 * 10**9),
        ge=512 * 10**6,
        description="Memory (address space) that decoding one video may take.",
    )

    @property
    def recipe(self) -> str:
        """How frames are chosen, in words that tell any two ways apart; part of the id of a frame."""
        match self.mode:
            case "interval":
                return f"interval {self.every_s!r} s"
            case "scenes":
                return f"scenes {self.scene_change!r}"
        return self.mode


class IngestSettings(StrictModel):
    """Which files are taken, how they are cut into batches, and what decoding one may cost."""

    include: list[str] = Field(
        default=[f"*.{ending}" for ending in (*PICTURES, *VIDEOS)],
        description="Patterns of file names (or of paths in the source, if they hold a slash); case does not count. "
        "Other files, and hidden ones, are ignored and counted.",
    )
    batch_size: int = Field(default=100_000, ge=1, description="Objects in a batch at most.")
    batch_bytes: ByteSize = Field(default=ByteSize(100 * 10**9), description="Bytes in a batch at most, as `100 GB`.")
    shard_size: int = Field(default=2048, ge=1, description="Objects in a shard: the unit of retry.")
    workers: int | None = Field(default=None, ge=1, description="Decoding processes; one a processor if not given.")
    max_bytes: ByteSize = Field(
        default=ByteSize(2 * 10**9), description="Larger files are rejected; videos have a limit of their own."
    )
    max_pixels: int = Field(default=200_000_000, ge=1, description="Pictures and frames of more pixels are rejected.")
    max_cpu_s: int = Field(default=20, ge=1, description="Processor seconds that decoding one file may take.")
    keep_gps: bool = Field(default=False, description="Keep the position that EXIF, sidecars and joined files state.")
    timezone: str = Field(default="UTC", description="Time zone of cameras that record none, as `Europe/Berlin`.")
    metadata: MetadataSettings = Field(default_factory=MetadataSettings)
    video: VideoSettings = Field(default_factory=VideoSettings)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, OSError, ValueError) as error:
            raise ValueError(f"there is no time zone {name!r}") from error
        return name

    @field_validator("batch_bytes", "max_bytes")
    @classmethod
    def _positive(cls, size: ByteSize) -> ByteSize:
        if size < 1:
            raise ValueError("must be at least 1 byte")
        return size

    def compute(self) -> dict[str, Any]:
        """The settings that decide what comes out: frozen in the plan of a batch."""
        names = {"max_bytes", "max_pixels", "max_cpu_s", "keep_gps", "timezone", "video"}
        return self.model_dump(mode="json", include=names)
