"""The whole public surface, for showcases and library users: import from here, by name.

The names are listed in `api.pyi`. Each is imported when it is first used, so that a plugin whose
commands appear in `baukasten --help` does not load the whole platform. What stands here stays;
everything else may move.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
