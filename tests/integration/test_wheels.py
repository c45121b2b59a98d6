"""Wheels carry the pages built: whoever installs one needs no Node."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("source", "pages"),
    [
        (ROOT, "baukasten_core/pages"),
        (ROOT / "plugins" / "privategpt", "baukasten_privategpt/pages"),
    ],
)
def test_a_wheel_has_its_pages_with_all_that_they_load(
    source: Path, pages: str, tmp_path: Path
) -> None:
    command = ("-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source)
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        index = archive.read(f"{pages}/index.html").decode()
    loaded = re.findall(r"assets/[^\"]+", index)
    assert loaded
    for asset in loaded:
        assert f"{pages}/{asset}" in names
    assert not [name for name in names if "node_modules" in name or name.endswith((".ts", ".tsx"))]
