"""Commands that bring labels and predictions in: `winnow labels import`, `winnow predictions import`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.options import Config, Json, RootOption, Verbose, settings_from
from flows.terminal import progress, told_plainly

if TYPE_CHECKING:
    from tasks.labels.values import LabelType

labels = typer.Typer(
    help="Labels that were made elsewhere.",
    epilog="Example: winnow labels import instances.json --format coco --ontology animals",
    no_args_is_help=True,
)
predictions = typer.Typer(
    help="What models predict.",
    epilog="Example: winnow predictions import scores.csv --format csv --model-version resnet-3",
    no_args_is_help=True,
)

Place = Annotated[str, typer.Argument(metavar="PATH", help="A file or folder of labels on this machine.")]
Form = Annotated[
    str, typer.Option("--format", help="folders, csv, coco, yolo, voc, cvat or openimages.", show_default=False)
]
Ontology = Annotated[
    str | None, typer.Option(help="The label schema. (default: the only one there is)", show_default=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")]


@labels.command(
    "import",
    epilog="Examples: winnow labels import photos --format folders --ontology clothes    "
    "winnow labels import instances.json --format coco --ontology animals --dry-run",
)
def import_labels(
    path: Place,
    form: Form,
    ontology: Annotated[
        str | None,
        typer.Option(
            help="The label schema; a new name makes one from the classes that are found. (default: the only one)",
            show_default=False,
        ),
    ] = None,
    annotator: Annotated[
        str | None, typer.Option(help="Who made the labels. (default: the format)", show_default=False)
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--type", help="Of a new ontology: class, multilabel, boxes or masks.", show_default=False),
    ] = None,
    create: Annotated[
        bool, typer.Option("--create-ontology", help="Add classes that the ontology lacks, as a new version of it.")
    ] = False,
    empty: Annotated[
        bool,
        typer.Option(
            "--empty/--no-empty", help="Whether a picture that is listed without shapes has nothing on it, or no label."
        ),
    ] = True,
    dry_run: DryRun = False,
    root: RootOption = None,
    config: Config = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Import labels; they count as long as no person has said another thing."""
    with told_plainly(verbose):
        from tasks.annotate.import_labels import import_labels as bring_in

        uri = settings_from(config, None, root=root).root_uri
        how: dict[str, Any] = {"create": create, "empty": empty, "dry_run": dry_run}
        with progress():
            done = bring_in(uri, path, form, ontology, annotator=annotator, kind=_as_type(kind), **how)
        if as_json:
            typer.echo(json.dumps({**done.__dict__, "dry_run": dry_run}))
            return
        made = f" ({done.classes} new classes)" if done.classes else ""
        typer.echo(
            f"{done.pictures:,} pictures in {path}: {done.new:,} labels {'would be ' if dry_run else ''}new, "
            f"{done.changed:,} changed, {done.known:,} known; ontology {done.ontology} version {done.version}{made}."
        )
        _show_rest(done)
        if done.skipped:
            typer.echo(f"{done.skipped:,} pictures without shapes were skipped.")


@labels.command(epilog="Examples: winnow labels suspects    winnow labels suspects --csv doubts.csv")
def suspects(
    file: Annotated[
        str | None, typer.Option("--csv", help="Write them to this file, to be decided.", show_default=False)
    ] = None,
    ontology: Ontology = None,
    most: Annotated[int, typer.Option("--most", min=1, help="How many, the worst first.")] = 500,
    root: RootOption = None,
    config: Config = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """List the labels that are doubted, the worst first. `winnow label` looks for them."""
    with told_plainly(verbose):
        from pathlib import Path

        from tasks.labels.ontology import only_ontology
        from tasks.review.queue import as_csv, review_queue
        from tasks.store.errors import UsageError
        from tasks.store.root import open_root

        opened = open_root(settings_from(config, None, root=root).root_uri)
        found = review_queue(opened, ontology or only_ontology(opened), most)
        if file is not None:
            try:
                Path(file).write_text(as_csv(found), encoding="utf-8")
            except OSError as error:
                raise UsageError(f"{file} cannot be written ({error.strerror}).") from error
            typer.echo(f"{len(found):,} doubted labels in {file}: fill in `decision`, then winnow labels decide {file}")
        elif as_json:
            typer.echo(json.dumps([one.__dict__ for one in found]))
        else:
            for one in found:
                typer.echo(f"{one.score:.2f}  {one.sample_id[:16]}  {one.reason}")
            typer.echo(f"{len(found):,} labels are doubted.")


@labels.command(epilog="Example: winnow labels decide doubts.csv")
def decide(
    file: Annotated[str, typer.Argument(help="What `winnow labels suspects --csv` wrote, with decisions filled in.")],
    ontology: Ontology = None,
    dry_run: DryRun = False,
    root: RootOption = None,
    config: Config = None,
    verbose: Verbose = False,
) -> None:
    """Settle doubts: accept what is suggested, keep the label, or name another. Each is a new, reviewed label."""
    with told_plainly(verbose):
        from tasks.labels.ontology import only_ontology
        from tasks.review.queue import decided
        from tasks.store.commit import write
        from tasks.store.root import open_root

        opened = open_root(settings_from(config, None, root=root).root_uri)
        rows = decided(opened, ontology or only_ontology(opened), file)
        done = len(rows) if dry_run or not len(rows) else write(opened, "annotations", rows)
        typer.echo(f"{done:,} labels {'would be' if dry_run else 'are'} reviewed.")


@predictions.command(
    "import", epilog="Example: winnow predictions import detections.json --format coco --model-version yolo-7"
)
def import_predictions(
    path: Place,
    form: Form,
    model_version: Annotated[str, typer.Option(help="What the model is called.", show_default=False)],
    ontology: Annotated[
        str | None,
        typer.Option(
            help="The label schema that the classes have to be of; it says whether several may be there at once.",
            show_default=False,
        ),
    ] = None,
    dry_run: DryRun = False,
    root: RootOption = None,
    config: Config = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Import predictions of a model: boxes or masks with scores, or probabilities (a CSV with a column a class)."""
    with told_plainly(verbose):
        from tasks.annotate.import_predictions import import_predictions as bring_in

        uri = settings_from(config, None, root=root).root_uri
        with progress():
            done = bring_in(uri, path, form, model_version, ontology, dry_run=dry_run)
        if as_json:
            typer.echo(json.dumps({**done.__dict__, "dry_run": dry_run}))
            return
        typer.echo(
            f"{done.pictures:,} pictures in {path}: {done.new:,} predictions of {done.model_version} "
            f"{'would be ' if dry_run else ''}new, {done.known:,} known."
        )
        _show_rest(done)


def _show_rest(done: Any) -> None:
    """What an import could not use, and why."""
    if done.unknown or done.ambiguous:
        typer.echo(
            f"{done.unknown:,} names mean no sample here, {done.ambiguous:,} mean several, as "
            f"{', '.join(map(repr, done.names))}."
        )
    if done.wrong:
        typer.echo(
            f'{done.wrong:,} things in it are wrong: winnow query "SELECT reason, suggestion FROM findings '
            "WHERE kind = 'label_invalid'\""
        )
    for note in done.notes:
        typer.echo(f"note: {note}")


def _as_type(name: str | None) -> LabelType | None:
    from typing import get_args

    from tasks.labels.values import LabelType
    from tasks.store.errors import UsageError

    for known in get_args(LabelType):
        if name == known:
            return known  # type: ignore[no-any-return]
    if name is not None:
        raise UsageError(f"--type is {name!r}; it can be {', '.join(get_args(LabelType))}.")
    return None
