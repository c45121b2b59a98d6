"""Who may import whom: the contracts of `.importlinter`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLUGINS = ("cv_matcher", "privategpt", "tellmelife")


def test_imports_go_only_where_they_may() -> None:
    places = [ROOT, ROOT / "deployments", *(ROOT / "plugins" / name for name in PLUGINS)]
    path = os.pathsep.join(map(str, places))
    program = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
