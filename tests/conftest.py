"""Loads the pytest plugin that ships with the core (plugin authors get it by installing it)."""

pytest_plugins = ["baukasten_core.testing.pytest_plugin"]
