"""Virtual environments of peers: `<name>.txt` here pins what is in `.venv-<name>`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def environment(name: str) -> Path:
    """The Python of a peer's environment; made now if it is not there as its file has it."""
    requirements = HERE / f"{name}.txt"
    folder = HERE / f".venv-{name}"
    python, made_of = folder / "bin/python", folder / "requirements.txt"
    wanted = requirements.read_text()
    if python.exists() and made_of.exists() and made_of.read_text() == wanted:
        return python
    print(f"making the environment of {name} (once; a few minutes)", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "-qq", "install"]
    subprocess.run([*pip, "-r", str(requirements)], check=True)
    made_of.write_text(wanted)
    return python
