"""`baukasten admin`: make or promote an admin, with the database's own rights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from baukasten_core.cli.configuration import config_option, read_settings, with_database

if TYPE_CHECKING:
    from baukasten_core.settings import Settings


@click.group()
def admin() -> None:
    """Make or promote an admin of the platform."""


@admin.command()
@config_option
@click.argument("email")
@click.option("--ask", is_flag=True, help="Ask for the password instead of generating one.")
def create(config_path: Path | None, email: str, ask: bool) -> None:
    """Make an account that is an admin."""
    from baukasten_core.accounts.first_admin import create_admin

    password = click.prompt("Password", hide_input=True, confirmation_prompt=True) if ask else None
    with with_database(read_settings(config_path)) as settings:
        made = create_admin(
            _owner_url(settings),
            email,
            password,
            residency=settings.privacy.residency,
            role_prefix=settings.database.role_prefix,
        )
    click.echo(f"{made.email} is an admin.")
    if password is None:
        click.echo(f"Password: {made.password}  (generated now and shown only this once)")


@admin.command()
@config_option
@click.argument("email")
def promote(config_path: Path | None, email: str) -> None:
    """Make an existing account an admin, and active."""
    from baukasten_core.accounts.first_admin import promote

    with with_database(read_settings(config_path)) as settings:
        promote(_owner_url(settings), email, role_prefix=settings.database.role_prefix)
    click.echo(f"{email} is an admin.")


def _owner_url(settings: Settings) -> str:
    """The role that migrates."""
    if settings.database.url is None:
        raise click.UsageError(
            "BAUKASTEN_DATABASE_URL is not set: this needs the role that migrates."
        )
    return settings.database.url.get_secret_value()
