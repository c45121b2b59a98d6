"""`baukasten --help` is quick, because it imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("fastapi", "sqlalchemy", "numpy", "pydantic", "torch", "ray", "openvino", "httpx")

PROGRAM = """
import sys
from click.testing import CliRunner
from baukasten_core.cli.main import baukasten
result = CliRunner().invoke(baukasten, sys.argv[1:])
print(result.output)
print("HEAVY", [name for name in {heavy!r} if name in sys.modules])
"""


def run(*arguments: str) -> str:
    program = PROGRAM.format(heavy=HEAVY)
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_help_lists_core_and_plugin_commands_and_imports_nothing_heavy() -> None:
    output = run("--help")
    for command in ("migrate", "ingest", "login", "up", "smoke"):
        assert f"  {command} " in output
    assert "HEAVY []" in output


@pytest.mark.parametrize("command", ["ingest", "login", "plugins"])
def test_the_help_of_a_command_imports_nothing_heavy(command: str) -> None:
    assert "HEAVY []" in run(command, "--help")
