"""Settings of ingest."""

from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ByteSize, Field, field_validator

from tasks.ingest.metadata.settings import MetadataSettings
from tasks.store.settings import StrictModel

PICTURES = [
    "jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "webp", "tif", "tiff", "bmp", "dib", "gif", "heic", "heif",
    "hif", "avif", "jp2", "j2k", "jpx", "jpf", "jpc", "ppm", "pgm", "pbm", "pnm", "pfm", "psd", "tga", "sgi", "rgb",
    "bw", "pcx", "ico", "icns", "fli", "flc", "qoi", "svg",
]  # fmt: skip


class IngestSettings(StrictModel):
    """Which files are taken, how they are cut into batches, and what decoding one may cost."""

    include: list[str] = Field(
        default=[f"*.{ending}" for ending in PICTURES],
        description="Patterns of file names (or of paths in the source, if they hold a slash); case does not count. "
        "Other files, and hidden ones, are ignored and counted.",
    )
    batch_size: int = Field(default=100_000, ge=1, description="Objects in a batch at most.")
    batch_bytes: ByteSize = Field(default=ByteSize(100 * 10**9), description="Bytes in a batch at most, as `100 GB`.")
    shard_size: int = Field(default=2048, ge=1, description="Objects in a shard: the unit of retry.")
    workers: int | None = Field(default=None, ge=1, description="Decoding processes; one a processor if not given.")
    max_bytes: ByteSize = Field(default=ByteSize(2 * 10**9), description="Larger files are rejected.")
    max_pixels: int = Field(default=200_000_000, ge=1, description="Pictures of more pixels are rejected.")
    max_cpu_s: int = Field(default=20, ge=1, description="Processor seconds that decoding one file may take.")
    keep_gps: bool = Field(default=False, description="Keep the position that EXIF, sidecars and joined files state.")
    timezone: str = Field(default="UTC", description="Time zone of cameras that record none, as `Europe/Berlin`.")
    metadata: MetadataSettings = Field(default_factory=MetadataSettings)

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
        return self.model_dump(mode="json", include={"max_bytes", "max_pixels", "max_cpu_s", "keep_gps", "timezone"})
