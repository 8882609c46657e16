"""Options that several commands share, and the settings that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from flows.settings import Settings

Source = Annotated[
    str | None,
    typer.Argument(help="A folder, s3://BUCKET/PREFIX, or a text file of paths or URIs.", show_default=False),
]
RootOption = Annotated[
    str | None,
    typer.Option(
        "--root",
        help="Where the dataset is kept, a folder or s3://BUCKET/PREFIX. (default: winnow-root)",
        show_default=False,
    ),
]
Config = Annotated[
    str | None, typer.Option("--config", help="Settings file. (default: winnow.yaml)", show_default=False)
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any setting, as select.open_tasks_max=200."),
]
Budget = Annotated[str | None, typer.Option(help="Samples to select: a number, or a share as 10%.", show_default=False)]
FromLightly = Annotated[
    str | None,
    typer.Option(
        "--from-lightly",
        metavar="FILE",
        help="Select as a selection_config of LightlyOne says (YAML or JSON).",
        show_default=False,
    ),
]
Checkpoint = Annotated[str | None, typer.Option(help="Weights of a timm backbone: a file.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, everything else on stderr.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show Prefect's log, and where an error comes from.")]
Note = Annotated[str, typer.Option(help="Why, in your words; it is recorded.", show_default=False)]


def under(heading: str, part: typer.Typer) -> typer.Typer:
    """A part of the command line whose commands `winnow --help` shows under a heading of their own."""
    for command in part.registered_commands:
        command.rich_help_panel = heading
    for group in part.registered_groups:
        if group.typer_instance:
            under(heading, group.typer_instance)
    return part


def settings_from(
    config: str | None, assignments: list[str] | None, *, from_lightly: str | None = None, **options: str | None
) -> Settings:
    """The settings of a command: file, Lightly's configuration, options, then what `--set` says. Raises UsageError."""
    import yaml

    from flows.settings import load_settings
    from tasks.store.errors import UsageError

    places = {"budget": "select.budget", "checkpoint": "embed.checkpoint"}
    overrides: dict[str, Any] = _lightly(from_lightly) if from_lightly is not None else {}
    overrides |= {places.get(name, name): value for name, value in options.items() if value is not None}
    for assignment in assignments or []:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise UsageError(f"--set {assignment}: write NAME=VALUE, as select.budget=200.")
        try:
            overrides[name.strip()] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError) as error:
            raise UsageError(f"--set {assignment}: the value is no YAML; write a list as '[a, b]'.") from error
    return load_settings(config, overrides)


def _lightly(file: str) -> dict[str, Any]:
    """What a selection_config of LightlyOne asks for. Raises UsageError."""
    from pathlib import Path

    import yaml

    from tasks.select.lightly import from_lightly
    from tasks.store.errors import UsageError

    try:
        stated = yaml.safe_load(Path(file).read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageError(
            f"The Lightly configuration {file} cannot be read ({' '.join(str(error).split())})."
        ) from error
    return {f"select.{name}": value for name, value in from_lightly(stated).items()}
