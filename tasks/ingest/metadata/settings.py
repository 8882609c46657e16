"""Settings of metadata: where it is written what is known of a file, besides in the file."""

from pydantic import Field, field_validator

from tasks.ingest.metadata.template import compile_template
from tasks.ingest.metadata.values import Kind
from tasks.store.settings import StrictModel


class MetadataSettings(StrictModel):
    """Where metadata comes from. Of one key, a joined file is believed before a sidecar, the path, and EXIF."""

    path: str | None = Field(
        default=None,
        description="Template of paths below the source, as `{site}/{sensor_id}/{date}/**`: {name}, {name:int} (float, "
        "bool, date, time, text), * within a folder, ** for the rest.",
    )
    sidecar: str | None = Field(
        default=None,
        description="Ending of JSON files beside the images, as `.json` for a.jpg.json or a.json; read again when they "
        "changed.",
    )
    join: str | None = Field(
        default=None, description="A CSV or Parquet file with a row for each image; read again when it changed."
    )
    join_on: str | None = Field(
        default=None,
        description="Column of the joined file that names the images, by file name, path below the source, or URI; if "
        "not given, the first of file, file_name, filename, image, key, path, uri, name.",
    )
    types: dict[str, Kind] = Field(
        default={},
        description="Types of keys, as {temperature: float}: int, float, bool, date, time, text. Without one, what "
        "looks like a number is a number.",
    )

    @field_validator("path")
    @classmethod
    def _a_template(cls, template: str | None) -> str | None:
        if template is not None:
            compile_template(template)
        return template

    @field_validator("sidecar")
    @classmethod
    def _an_ending(cls, ending: str | None) -> str | None:
        if ending is not None and (not ending.startswith(".") or len(ending) < 2 or "/" in ending):
            raise ValueError("must be an ending with a dot first, as .json")
        return ending

    @property
    def given(self) -> bool:
        """Whether anything is to be read."""
        return bool(self.path or self.sidecar or self.join)
