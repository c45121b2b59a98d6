"""`baukasten admin`: make or promote an admin, with the database's own rights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from baukasten_core.settings import Settings


@click.group()
def admin() -> None:
    """Make or promote an admin of the platform."""


@admin.command()
@click.argument("email")
@click.option("--ask", is_flag=True, help="Ask for the password instead of generating one.")
def create(email: str, ask: bool) -> None:
    """Make an account that is an admin."""
    from baukasten_core.accounts.first_admin import create_admin
    from baukasten_core.settings import load_settings

    password = click.prompt("Password", hide_input=True, confirmation_prompt=True) if ask else None
    settings = load_settings()
    with owner_url(settings) as url:
        made = create_admin(
            url,
            email,
            password,
            residency=settings.privacy.residency,
            role_prefix=settings.database.role_prefix,
        )
    click.echo(f"{made.email} is an admin.")
    if password is None:
        click.echo(f"Password: {made.password}  (generated now and shown only this once)")


@admin.command()
@click.argument("email")
def promote(email: str) -> None:
    """Make an existing account an admin, and active."""
    from baukasten_core.accounts.first_admin import promote
    from baukasten_core.settings import load_settings

    settings = load_settings()
    with owner_url(settings) as url:
        promote(url, email, role_prefix=settings.database.role_prefix)
    click.echo(f"{email} is an admin.")


@contextmanager
def owner_url(settings: Settings) -> Iterator[str]:
    """The role that migrates: as configured, or of the embedded server, which is left as it was
    found, running or not."""
    if settings.database.url is not None:
        yield settings.database.url.get_secret_value()
        return
    if settings.database.app_url is not None:
        raise click.UsageError(
            "BAUKASTEN_DATABASE_URL is not set: this needs the role that migrates."
        )
    from baukasten_core.db.embedded import start_embedded

    folder, password = settings.home / "postgres", settings.database.embedded_password
    if password is None or not (folder / "data" / "PG_VERSION").exists():
        raise click.UsageError("There is no platform here yet: start it with `baukasten up`.")
    was_running = (folder / "data" / "postmaster.pid").exists()
    server = start_embedded(folder, password.get_secret_value())
    try:
        yield server.url
    finally:
        if not was_running:
            server.stop()
