"""Commands of plugins, without loading anything else of them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points

import pluggy

from baukasten_core import hookspecs
from baukasten_core.contracts.commands import Command


def discover_commands() -> Sequence[Command]:
    """What each installed plugin registers through `register_commands`.

    A plugin that fails is passed over here: `baukasten plugins` says what is wrong with it, and
    the other commands must work meanwhile.
    """
    found: list[Command] = []
    for point in entry_points(group=hookspecs.PROJECT):
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        try:
            manager.register(point.load())
            for commands in manager.hook.register_commands():
                found.extend(commands)
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: S112 (see the docstring)
            continue
    return found
