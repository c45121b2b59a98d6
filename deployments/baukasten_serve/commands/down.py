"""`baukasten down`."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import click

from baukasten_core.errors import StartupRefused
from baukasten_serve.commands.common import config_option, read

GIVE_UP_AFTER = 12.0


@click.command()
@config_option
def down(config_path: Path | None) -> None:
    """Stop the platform of this home, and clear up after one that was killed."""
    from baukasten_serve import processes
    from baukasten_serve.runtime import Home

    _, settings = read(config_path)
    home = Home(settings.home)
    record = home.read()
    if record is None:
        click.echo(f"No platform runs with the home {settings.home}")
        return
    began = time.monotonic()
    if supervisor := processes.find(record.supervisor):
        supervisor.send_signal(signal.SIGTERM)
        while processes.is_alive(supervisor) and time.monotonic() - began < GIVE_UP_AFTER:
            time.sleep(0.05)
        processes.end([supervisor])
    left = processes.end(processes.left_behind(record))
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        raise StartupRefused(f"these processes can't be ended: {pids}")
    home.clear()
    click.echo(f"Stopped in {time.monotonic() - began:.1f} s")
