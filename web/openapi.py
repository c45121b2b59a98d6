"""Write the platform's OpenAPI document, showcases included, from which the pages' client is made.

python web/openapi.py web/openapi.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from baukasten_core.api import PluginHost, Settings, create_app


def main(path: str) -> None:
    settings = Settings()
    document = create_app(settings, PluginHost.discover()).openapi()
    Path(path).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
