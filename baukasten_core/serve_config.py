"""`serve_config.yaml`: what runs, and the settings that all applications share.

The commands of the core read the settings; `baukasten_serve` checks and runs the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from baukasten_core.errors import SettingsError

FILE = "serve_config.yaml"
ARGUMENTS = frozenset({"settings"})
"""What an application takes in its `args`."""


@dataclass(frozen=True, slots=True)
class ServeConfig:
    """The file's content, and the settings that all of its applications share."""

    path: Path
    document: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def applications(self) -> Mapping[str, str | None]:
        """Route prefix by application."""
        return {app["name"]: app.get("route_prefix", "/") for app in self.document["applications"]}


def read_config(path: Path) -> ServeConfig:
    """Read and check a configuration file.

    Raises:
        SettingsError: with a sentence that names the file and what is wrong in it.
    """
    document = _load(path)
    applications = document.get("applications")
    if not isinstance(applications, list) or not applications:
        raise SettingsError(f"{path}: `applications` must be a list of applications")
    found = [_settings_of(path, application) for application in applications]
    if any(settings != found[0] for settings in found):
        raise SettingsError(
            f"{path}: every application must have the same `args.settings`",
            hint="Write them once with an anchor (`settings: &settings`) and repeat `*settings`.",
        )
    return ServeConfig(path, document, found[0])


def _load(path: Path) -> Mapping[str, Any]:
    try:
        document = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise SettingsError(
            f"{path} is not there", hint=f"Name a file with `--config`, or copy a {FILE} here."
        ) from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise SettingsError(f"{path} must hold a mapping with `applications`")
    return document


def _settings_of(path: Path, application: Any) -> Mapping[str, Any]:
    if not isinstance(application, dict) or "name" not in application:
        raise SettingsError(f"{path}: every application needs a `name`")
    arguments = application.get("args") or {}
    if unknown := set(arguments) - ARGUMENTS:
        name = sorted(unknown)[0]
        raise SettingsError(
            f"{path}: unknown key `args.{name}` in application `{application['name']}`; "
            f"known: {', '.join(sorted(ARGUMENTS))}"
        )
    settings = arguments.get("settings") or {}
    if not isinstance(settings, dict):
        raise SettingsError(f"{path}: `args.settings` must be a mapping")
    return settings
