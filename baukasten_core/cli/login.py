"""`baukasten login`: sign in once, for the commands that talk to a platform."""

from __future__ import annotations

import click

from baukasten_core.cli import DEFAULT_URL


@click.command()
@click.option("--url", default=DEFAULT_URL, show_default=True, help="The platform's address.")
@click.option("--email", prompt="E-mail", help="Your account.")
@click.option("--password", prompt=True, hide_input=True, help="Asked for when left out.")
@click.option("--register", is_flag=True, help="Make the account first.")
def login(url: str, email: str, password: str, register: bool) -> None:
    """Sign in; the tokens are kept in a file that only you can read."""
    import httpx

    from baukasten_core.cli.client import Client
    from baukasten_core.cli.credentials import (
        Credentials,
        locked_credentials,
        save_credentials,
        signed_in,
    )

    with Client(Credentials(url.rstrip("/"), "")) as client:
        if register:
            client.post("/auth/register", {"email": email, "password": password})
        form = {"username": email, "password": password}
        response: httpx.Response = client.request("POST", "/auth/login", data=form)
        with locked_credentials():
            save_credentials(signed_in(url.rstrip("/"), response.json()))
    click.echo(f"Signed in to {url} as {email}.")
