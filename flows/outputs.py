"""Commands that bring something out of a root: export, prune."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.options import Config, Json, RootOption, Verbose, settings_from
from flows.terminal import progress, told_plainly

if TYPE_CHECKING:
    from tasks.export.write import Exported

outputs = typer.Typer()


@outputs.command(
    epilog="Examples: winnow export train --labelled --format yolo    winnow export picks --selection selection-1    "
    "winnow export blurry --where 'sharpness < 0.02'"
)
def export(
    folder: Annotated[str, typer.Argument(help="Folder to write: empty, or not there yet.")],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="fiftyone, parquet, coco, yolo, voc, cvat, csv, openimages, folders, imagefolder or webdataset.",
        ),
    ] = "fiftyone",
    selection: Annotated[
        str | None, typer.Option(help="Its samples. (default: the newest selection)", show_default=False)
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="Or: a condition over the columns of samples.", show_default=False)
    ] = None,
    labelled: Annotated[bool, typer.Option("--labelled", help="Or: all samples that have a label.")] = False,
    snapshot: Annotated[
        str | None,
        typer.Option(help="Or: a snapshot, by its sides: train, validation, test.", show_default=False),
    ] = None,
    ontology: Annotated[
        str | None,
        typer.Option(help="The label schema whose labels it takes. (default: the only one)", show_default=False),
    ] = None,
    thumbnails: Annotated[bool, typer.Option("--thumbnails", help="Small images, no originals.")] = False,
    root: RootOption = None,
    config: Config = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Write samples and their labels for another tool; formats of labels take only samples that have one."""
    with told_plainly(verbose):
        from tasks.export.write import as_format
        from tasks.export.write import export as write
        from tasks.report.projection import places_uri
        from tasks.store.root import open_root

        uri = settings_from(config, None, root=root).root_uri
        places = places_uri(open_root(uri))
        with progress():
            how: dict[str, Any] = {"originals": not thumbnails, "ontology": ontology, "labelled": labelled}
            how["snapshot"] = snapshot
            done = write(uri, folder, as_format(form), selection, where, places=places, **how)
        if as_json:
            typer.echo(json.dumps(done.__dict__))
            return
        small = f", {done.thumbnails:,} of them as thumbnails" if done.thumbnails else ""
        told = f", {done.labelled:,} with a label" if done.labelled < done.samples else ""
        typer.echo(f"{done.samples:,} samples in {done.place}{told}{small}. {_opened_by(form, done)}")
        if done.left_out:
            typer.echo(f"{done.left_out:,} samples without a label are left out.")
        if done.cannot_hold:
            typer.echo(f"{form} cannot hold: {'; '.join(done.cannot_hold)}.")


def _opened_by(form: str, done: Exported) -> str:
    if form == "coco" and not done.labelled:
        return "Its images are in data/, labels.json has no labels yet."
    return _OPENED_BY.get(form, "").format(done.place)


_OPENED_BY = {
    "fiftyone": "Open it: fiftyone app launch, after fo.Dataset.from_dir({0!r}, dataset_type=fo.types.FiftyOneDataset)",
    "parquet": "Open it: embedding-atlas {0} --image thumbnail (with --x x --y y once `winnow report` drew a map)",
    "imagefolder": "Open it: datasets.load_dataset('imagefolder', data_dir={0!r})",
    "yolo": "Train: yolo detect train data={0}/data.yaml",
}


@outputs.command(epilog="Example: winnow prune --advise unneeded.csv")
def prune(
    advise: Annotated[str, typer.Option(metavar="FILE", help="CSV to write: uri, bytes, why, what stays instead.")],
    root: RootOption = None,
    config: Config = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """List the source files that nothing needs. Winnow itself deletes none."""
    with told_plainly(verbose):
        from tasks.export.prune import told_as_csv, totals, unneeded
        from tasks.store.root import open_root

        with progress():
            found = unneeded(open_root(settings_from(config, None, root=root).root_uri))
        told_as_csv(found, advise)
        if as_json:
            typer.echo(json.dumps({"files": len(found), "why": totals(found), "list": advise}))
            return
        for why, (files, size) in totals(found).items():
            typer.echo(f"{why:<24} {files:>10,} files {size / 1e6:>12,.1f} MB")
        typer.echo(f"{len(found):,} source files that nothing needs are listed in {advise}; none was touched.")
