"""`baukasten up`."""

from __future__ import annotations

from pathlib import Path

import click

from baukasten_serve.commands.common import config_option, read


@click.command()
@config_option
def up(config_path: Path | None) -> None:
    """Start the platform on this machine and stay until Ctrl-C.

    Finds or starts PostgreSQL, migrates it, starts Ray Serve from serve_config.yaml and prints
    the address. At the end nothing is left running.
    """
    from baukasten_serve.supervisor import Supervisor

    config, settings = read(config_path)
    click.echo(f"Starting {settings.title} ({config.path}, data in {settings.home})")
    Supervisor(settings, config, click.echo).run()
