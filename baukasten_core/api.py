"""The whole public surface, for showcases and library users: import from here, by name.

The names are listed in `api.pyi`. Each is imported when it is first used, so that a plugin whose
commands appear in `baukasten --help` does not load the whole platform. What stands here stays;
everything else may move.
"""

from typing import Any

import lazy_loader

_find, __dir__, __all__ = lazy_loader.attach_stub(__package__, __file__)


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _find(name)
