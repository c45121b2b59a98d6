"""`baukasten`: one file a command, imported when it runs, so that `--help` is quick."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

from baukasten_core import __version__
from baukasten_core.cli.discover import discover_commands
from baukasten_core.contracts.commands import Command

COMMANDS = (
    Command("admin", "baukasten_core.cli.admin:admin", "Make or promote an admin."),
    Command(
        *("embeddings", "baukasten_core.cli.embeddings:embeddings"),
        "Move documents to another embedding space.",
    ),
    Command("eval", "baukasten_core.cli.eval:evaluation", "How good the search is."),
    Command("login", "baukasten_core.cli.login:login", "Sign in to a running platform."),
    Command("ingest", "baukasten_core.cli.ingest:ingest", "Files and folders into a project."),
    Command("migrate", "baukasten_core.cli.migrate:migrate", "Bring the database up to date."),
    Command("models", "baukasten_core.cli.models:models", "List and fetch language models."),
    Command("plugins", "baukasten_core.cli.plugins:plugins", "List plugins and their state."),
    Command("privacy", "baukasten_core.cli.privacy:privacy", "Records that the GDPR asks for."),
    Command("settings", "baukasten_core.cli.settings:settings", "Explain every setting."),
)
"""The core's own; those of plugins come through the hook `register_commands`."""


class LazyGroup(click.Group):
    """A group whose commands are known by name and imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._all())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = self._all().get(cmd_name)
        if found is None:
            return None
        module, _, attribute = found.target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, item.help) for name, item in sorted(self._all().items())])

    def _all(self) -> dict[str, Command]:
        return {command.name: command for command in [*discover_commands(), *COMMANDS]}


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="baukasten")
def baukasten() -> None:
    """Baukasten runs AI showcases that keep personal data where it belongs."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: an error of ours is a sentence on standard error, not a traceback."""
    from baukasten_core.errors import BaukastenError

    try:
        baukasten(args=arguments, prog_name="baukasten")
    except BaukastenError as error:
        click.echo(f"Error: {error.detail}", err=True)
        if error.hint:
            click.echo(error.hint, err=True)
        sys.exit(1)
    except ValueError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
