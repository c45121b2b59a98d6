"""`baukasten_core.api` gives what it lists, and loads nothing before it is asked."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

api = importlib.import_module("baukasten_core.api")


@pytest.mark.parametrize("name", api.__all__)
def test_every_listed_name_is_there(name: str) -> None:
    assert getattr(api, name) is not None


def test_what_a_showcase_is_made_of_is_listed() -> None:
    assert {"Showcase", "Kit", "CurrentKit", "hookimpl", "create_tenant_table"} <= set(api.__all__)


def test_a_name_that_is_not_listed_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"baukasten_core\.api"):
        _ = api.nothing_like_it


def test_a_plugin_that_only_registers_loads_neither_the_web_nor_the_database() -> None:
    program = (
        "import sys; from baukasten_core.api import Command, hookimpl;"
        "print([name for name in ('fastapi', 'sqlalchemy', 'numpy') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr
