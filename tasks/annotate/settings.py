"""Settings of the hand-off and of labelling."""

from typing import Literal

from pydantic import Field

from tasks.store.settings import StrictModel


class HandoffSettings(StrictModel):
    """What annotators get."""

    pixels: Literal["original", "thumbnail"] = Field(
        default="original",
        description="`original`: full size, read again from the source if its bytes are still the same; "
        "`thumbnail`: small.",
    )
    quality: int = Field(default=95, ge=1, le=100, description="JPEG quality of the images.")
    max_cpu_s: int = Field(default=60, ge=1, description="Processor seconds that decoding one original may take.")


class LabelStudioSettings(StrictModel):
    """A Label Studio to work with. Its token is never stored: it is read from the environment whenever it is needed."""

    url: str = Field(
        default="http://127.0.0.1:8080",
        pattern=r"^https?://[^\s@]+$",
        description="Where it is, as people open it; `make label-studio` serves one at the default.",
    )
    token_env: str = Field(
        default="WINNOW_LABEL_STUDIO_TOKEN",
        description="Environment variable with the access token, from Account & Settings there.",
    )
    prefix: str = Field(
        default="winnow", min_length=1, max_length=20, description="How the names of its projects begin."
    )
    annotators: int = Field(
        default=1, ge=1, description="How many people label each image; set when a project is made."
    )
    document_root: str | None = Field(
        default=None,
        description="Where the server sees the folder of the root, if elsewhere than here: its "
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT. A root in a bucket needs none.",
    )
    presign_minutes: int = Field(
        default=60,
        ge=1,
        le=10_080,
        description="Minutes for which links into a bucket are good that it gives annotators.",
    )
    timeout_s: float = Field(default=120.0, gt=0, description="Seconds that one answer may take.")
    patience_s: float = Field(
        default=180.0, ge=0, description="Seconds for which a server that is away or fails is asked again."
    )
    overlap_s: float = Field(
        default=600.0,
        ge=0,
        description="Seconds before the last collected change from which changes are looked at again.",
    )


class OracleSettings(StrictModel):
    """A CSV that knows all labels, in place of people: to try things out, and to measure them."""

    file: str | None = Field(
        default=None, description="CSV with the columns file (its name, or the sample_id) and label (a class)."
    )


class LabelSettings(StrictModel):
    """Who labels what, by which schema."""

    ontology: str | None = Field(
        default=None,
        description="Name of the ontology in the root; if it has only one, that. The oracle makes its own.",
    )
    backend: Literal["files", "label-studio", "oracle"] = Field(
        default="files",
        description="`files`: annotators work with the hand-off folder, and what they return lies in "
        "ROOT/returned/; `label-studio`: a server; `oracle`: a CSV answers.",
    )
    label_studio: LabelStudioSettings = Field(default_factory=LabelStudioSettings)
    oracle: OracleSettings = Field(default_factory=OracleSettings)
    prelabels: bool = Field(default=True, description="Give annotators what the newest model predicts, as a start.")
    package_size: int = Field(default=100, ge=1, description="Tasks of a work package.")
    due_days: int = Field(default=7, ge=1, description="Days until the first work package is due, and each after it.")
    cost_per_hour: float = Field(
        default=0, ge=0, description="Of an annotator, in your currency: for the cost a label."
    )
