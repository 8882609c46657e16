"""Settings of learn."""

from typing import Literal

from pydantic import Field, model_validator

from tasks.learn.evaluate.settings import EvaluateSettings
from tasks.learn.fit.settings import FitSettings
from tasks.learn.snapshots.settings import Share, SplitSettings
from tasks.store.settings import StrictModel


class LearnSettings(StrictModel):
    """When a model is trained, on what, how, and where that is tracked."""

    enabled: bool = Field(
        default=True,
        description="Whether `winnow run` goes on to learn: a probe, in seconds, or what fit.method or command name.",
    )
    ontology: str | None = Field(
        default=None,
        description="Name of the ontology to learn, whose champion predicts and serves strategies; if the root has "
        "labels of only one, that.",
    )
    min_labels: int = Field(default=50, ge=4, description="Labels from which `winnow run` trains a model.")
    test_share: Share = Field(
        default=0.02,
        description="Share of arriving groups (recordings, or single pictures) that is set aside for testing, 0 to 1: "
        "labelled at random, never trained on.",
    )
    test_budget_share: Share = Field(
        default=0.05,
        description="Share of selections that may be spent on labels for testing, 0 to 1; rounded up over all so far.",
    )
    split: SplitSettings = Field(default_factory=SplitSettings)
    fit: FitSettings = Field(default_factory=FitSettings)
    command: str | None = Field(
        default=None,
        description="A trainer of your own in place of ours: a program and its arguments, with {snapshot} for the "
        "folder that it reads, {predictions} for the file that it writes and, if you like, {model} for a folder in "
        "which it leaves its model. It sees what fit.pixels says. When a script or a YAML or TOML file that is named "
        "here changes, as train.py, it is trained anew; what these import is not looked at.",
    )
    predict_command: str | None = Field(
        default=None,
        description="What asks a model of `command` about the pool: a program and its arguments, with {model} for what "
        "that left, {images} for a folder of <sample_id>.jpg and {predictions} for the file that it writes, a line for "
        "each; it is started for every 2,048 of them. Without it such a model predicts nothing more.",
    )
    rebalance: Literal["none", "sampling", "synthetic"] = Field(
        default="sampling",
        description="Against the long tail: rare classes are drawn more often, or get altered copies to train on; a "
        "probe has them weigh more.",
    )
    evaluate: EvaluateSettings = Field(default_factory=EvaluateSettings)
    tracker: Literal["mlflow", "wandb"] = Field(
        default="mlflow", description="`mlflow`, or Weights & Biases besides it (it is installed by its own name)."
    )
    tracking_uri: str | None = Field(
        default=None,
        description="MLflow: an http(s) address, or none for a database in the folder of the root.",
    )

    @model_validator(mode="after")
    def _asks_for_what_was_left(self) -> "LearnSettings":
        if self.command and "{model}" in (self.predict_command or "") and "{model}" not in self.command:
            raise ValueError("predict_command reads {model}, so command has to say where {model} goes")
        return self
