"""`pov bundle`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pov.cli.app import Group, as_typed, command_options
from pov.cli.console import console
from pov.cli.given import FILE, OUTPUT
from pov.cli.tables import pairs, show, table
from pov.model.events import silent

if TYPE_CHECKING:
    from pov.workflows.bundle import BundleResult, LoadResult, SaveResult


@click.group(cls=Group)
@command_options
def command() -> None:
    """Everything that is needed without a network: build it, list it, save it, load it elsewhere."""


@command.command("build")
@click.option(
    "--images",
    type=click.Choice(["auto", "official", "built"]),
    default="auto",
    show_default=True,
    help="Official images where they can be pulled, or build them from pinned modules.",
)
@command_options
def build_command(images: str) -> None:
    """Build what is missing. The first time takes 10 to 20 minutes on two cores; cut off, it goes on where it was."""
    from pov.workflows import bundle

    with console() as emit:
        result = bundle.run_build(bundle.BuildOptions(images), emit)
    show(result, _built_in_words)


@command.command("list")
@command_options
def list_command() -> None:
    """List every component with its version, licence, origin and digest."""
    from pov.workflows import bundle

    show(bundle.run_list(silent), _list_in_words)


@command.command("save")
@click.argument("file", type=OUTPUT)
@command_options
def save_command(file: Path) -> None:
    """Write one archive for machines without any registry: images, programs, wheels, runtime packages."""
    from pov.workflows import bundle

    with console() as emit:
        result = bundle.run_save(file, emit)
    show(result, _saved_in_words)


@command.command("load")
@click.argument("file", type=FILE)
@command_options
def load_command(file: Path) -> None:
    """Check an archive to the last byte, then install it as the bundle. Needs no network, and can be repeated."""
    from pov.workflows import bundle

    with console() as emit:
        result = bundle.run_load(file, emit)
    show(result, _loaded_in_words)


def _built_in_words(result: BundleResult) -> str:
    return f"The bundle {result.key[:12]} is there: {_about(result)}.\n\nNext:\n{pairs(_NEXT)}"


def _list_in_words(result: BundleResult) -> str:
    rows = [[c.name, c.version, c.licence, c.origin, _short(c.digest)] for c in result.components]
    head = f"Bundle {result.key[:12]}, {_about(result)}"
    told = {f"bundle {key[:12]}": f"kept for {folder}" for folder, key in result.others.items()}
    listed = table(["component", "version", "licence", "origin", "digest"], rows)
    return "\n\n".join([head, listed, *([pairs(told)] if told else [])])


def _saved_in_words(result: SaveResult) -> str:
    facts = {
        "file": str(result.path),
        "size": f"{result.size / 2**20:,.0f} MiB",
        "sha256": result.sha256,
        "holds": f"{result.components} components in {result.files} files",
    }
    if result.without_licence:
        facts["no licence told by"] = ", ".join(result.without_licence)
    first = {f"tar -xOf {as_typed(Path(result.path.name))} README.md": "how it is installed there"}
    return f"{pairs(facts)}\n\nOn the other machine:\n{pairs(first)}"


def _loaded_in_words(result: LoadResult) -> str:
    lines = [f"The bundle {result.bundle.key[:12]} is loaded: {_about(result.bundle)}."]
    if result.packages:
        lines.append(f"Installed from the archive: {', '.join(result.packages)}.")
    return "\n".join([*lines, "", "Next:", pairs(_NEXT)])


def _about(result: BundleResult) -> str:
    origin = ", loaded from an archive" if result.loaded else ""
    return f"{len(result.components)} components, images {result.source}{origin}"


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


_NEXT = {
    "pov up": "bring the demo up",
    "pov bundle list": "every component, with its licence",
    "pov bundle save FILE": "take it to a machine without a network",
}
