"""What this plugin registers. Nothing heavy is imported until a hook is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from baukasten_core.api import Command, hookimpl

if TYPE_CHECKING:
    from baukasten_core.api import Showcase


@hookimpl
def register_showcase() -> Showcase:
    """TellMeLife."""
    from baukasten_tellmelife.showcase import showcase

    return showcase()


@hookimpl
def register_commands() -> Sequence[Command]:
    """`baukasten book`."""
    return [
        Command("book", "baukasten_tellmelife.command:book", "Make a book of dated entries."),
    ]
