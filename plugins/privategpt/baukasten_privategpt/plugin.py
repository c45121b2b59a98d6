"""What Baukasten finds through the entry point; nothing heavy is imported before it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from baukasten_core.api import Command, hookimpl

if TYPE_CHECKING:
    from baukasten_core.api import Showcase


@hookimpl
def register_showcase() -> Showcase:
    from baukasten_privategpt.showcase import showcase

    return showcase()


@hookimpl
def register_commands() -> Sequence[Command]:
    return [Command("ask", "baukasten_privategpt.commands:ask", "Ask a project's documents.")]
