"""`serve_config.yaml`: found, and checked for what Ray Serve would drop in silence.

Importing this module does not import Ray; only `check_schema` does.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from baukasten_core.errors import SettingsError, misfits
from baukasten_core.serve_config import ARGUMENTS as ARGUMENTS
from baukasten_core.serve_config import FILE
from baukasten_core.serve_config import ServeConfig as ServeConfig
from baukasten_core.serve_config import read_config as read_config


def default_path() -> Path:
    """The file in the current folder, else the one that came with the package."""
    here = Path(__file__).parent
    candidates = (Path.cwd() / FILE, here / FILE, here.parents[1] / FILE)
    return next((path for path in candidates if path.exists()), candidates[0])


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
        raise SettingsError(f"{config.path}: {misfits(error, 'the file')}") from None


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
