"""`baukasten smoke URL`: the contract's calls against any address, as a client would make them."""

from __future__ import annotations

import secrets
import sys
import time
from typing import TYPE_CHECKING

import click
import httpx

if TYPE_CHECKING:
    from baukasten_serve.smoke.session import Session, Step


@click.command()
@click.argument("url", default="http://127.0.0.1:8000")
@click.option("--email", help="An account to use; otherwise one is made and deleted again.")
@click.option("--password", envvar="BAUKASTEN_SMOKE_PASSWORD", help="Its password.")
@click.option("--wait", default=0.0, help="Seconds to wait for the platform to be up.")
def smoke(url: str, email: str | None, password: str | None, wait: float) -> None:
    """Try the API's calls against the address URL; show the body where one fails.

    What it makes it deletes again, its account included.
    """
    from baukasten_serve.smoke import last_steps, steps
    from baukasten_serve.smoke.session import Session

    own = email is None
    account = email or f"smoke-{secrets.token_hex(6)}@example.com"
    with httpx.Client(base_url=url.rstrip("/"), timeout=60, follow_redirects=False) as client:
        session = Session(client, account, password or secrets.token_urlsafe(18), own)
        _wait_until_up(client, wait)
        try:
            good = [_run(step, session) for step in steps(own=own)]
        finally:
            good_end = [_run(step, session) for step in last_steps(own=own)]
    sys.exit(0 if all(good + good_end) else 1)


def _wait_until_up(client: httpx.Client, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if client.get("/health").status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)


def _run(step: Step, session: Session) -> bool:
    from baukasten_serve.smoke.session import Failed, Missing, NotInstalled

    name = (step.__doc__ or step.__name__).rstrip(".")
    began = time.monotonic()
    try:
        step(session)
    except NotInstalled as error:
        click.echo(f"absent  {name}  ({error} is not installed there)")
        return True
    except Missing as error:
        click.echo(f"skipped {name}  (there is no {error}: an earlier call failed)")
        return False
    except httpx.HTTPError as error:
        click.echo(f"FAILED  {name}: {type(error).__name__}: {error}")
        return False
    except Failed as error:
        click.echo(f"FAILED  {name}: {error}")
        return False
    except (LookupError, TypeError, ValueError) as error:  # a body of another shape
        click.echo(f"FAILED  {name}: {type(error).__name__}: {error}\n{session.shown()}")
        return False
    click.echo(f"ok      {name}  ({1000 * (time.monotonic() - began):.0f} ms)")
    return True
