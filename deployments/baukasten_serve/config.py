"""`serve_config.yaml`: read, and checked for what Ray Serve would drop in silence.

Importing this module does not import Ray; only `check_schema` does.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

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


def default_path() -> Path:
    """The file in the current folder, else the one that came with the package."""
    here = Path(__file__).parent
    candidates = (Path.cwd() / FILE, here / FILE, here.parents[1] / FILE)
    return next((path for path in candidates if path.exists()), candidates[0])


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


def check_schema(config: ServeConfig) -> None:
    """Refuse keys that Ray Serve does not know; it would ignore them without a word."""
    from ray.serve.config import AutoscalingConfig
    from ray.serve.schema import ServeDeploySchema

    unknown = list(_unknown(config.document, ServeDeploySchema, ""))
    if unknown:
        raise SettingsError(f"{config.path}: " + "; ".join(unknown))
    try:
        ServeDeploySchema.model_validate(config.document)
        for application in config.document["applications"]:
            for deployment in application.get("deployments", ()):
                # The schema takes any mapping here, and Serve finds out while it deploys.
                if isinstance(scaling := deployment.get("autoscaling_config"), Mapping):
                    AutoscalingConfig.model_validate(scaling)
    except ValidationError as error:
        problems = "; ".join(
            f"`{'.'.join(str(part) for part in item['loc'])}`: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        )
        raise SettingsError(f"{config.path}: {problems}") from None


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


def _unknown(data: Any, model: type[BaseModel], path: str) -> Iterator[str]:
    """A sentence for each key of `data` that `model`, or a model within it, does not have."""
    if not isinstance(data, Mapping):
        return
    known = {name: field.annotation for name, field in model.model_fields.items()}
    known |= {field.alias: field.annotation for field in model.model_fields.values() if field.alias}
    for key, value in data.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), [str(name) for name in known], n=1)
            advice = f"; did you mean `{near[0]}`?" if near else ""
            yield f"unknown key `{path}{key}`{advice}"
            continue
        for inner in _models(known[key]):
            for position, item in _items(value, f"{path}{key}"):
                yield from _unknown(item, inner, f"{position}.")


def _items(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            name = item.get("name", number) if isinstance(item, Mapping) else number
            yield f"{path}[{name}]", item
    else:
        yield path, value


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The one pydantic model in an annotation such as `Optional[List[Model]]`, if any."""
    found: list[type[BaseModel]] = []
    pending = [annotation]
    while pending:
        item = pending.pop()
        if isinstance(item, type) and issubclass(item, BaseModel):
            found.append(item)
        pending.extend(typing.get_args(item))
    return found[:1]
