"""Is what a plugin brings fit to serve? Each check raises `PluginError` with the reason."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pluggy
from pydantic import ValidationError

from baukasten_core import hookspecs
from baukasten_core.contracts.showcase import Showcase, ShowcaseOptions
from baukasten_core.errors import PluginError

NAME = re.compile(r"[a-z][a-z0-9_]{1,30}")

RESERVED_NAMES = frozenset(
    {"admin", "apps", "auth", "baukasten_core", "console", "core", "docs", "documents", "health"}
    | {"information_schema", "jobs", "llm", "openapi", "other", "pg_catalog", "problems"}
    | {"projects", "public", "redoc", "static", "system", "tenants", "users", "v1"}
)
"""Route prefixes, schemas and jobs of the core, which no showcase may take."""


def refuse_unknown_hooks(manager: pluggy.PluginManager, plugin: Any) -> None:
    """A misspelt hook is an error, with the nearest name that exists."""
    known = [name for name in dir(hookspecs) if name.startswith("register_")]
    for name in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, name)
        if options is None:
            continue
        hook = options.get("specname") or name
        if hook not in known:
            advice = nearest(hook, known) or f"; known hooks: {', '.join(known)}"
            raise PluginError(f"unknown hook `{hook}`{advice}")


def check_showcase(showcase: Any, others: Mapping[str, Showcase]) -> None:
    """Whatever would fail later, where it would take the others down."""
    from fastapi import APIRouter

    if not isinstance(showcase, Showcase):
        raise PluginError(f"register_showcase must return a Showcase, got {showcase!r}")
    if not NAME.fullmatch(showcase.name):
        raise PluginError(f"the showcase name `{showcase.name}` must match [a-z][a-z0-9_]{{1,30}}")
    if showcase.name in RESERVED_NAMES or showcase.name in others:
        raise PluginError(f"the showcase name `{showcase.name}` is taken")
    if "en" not in showcase.title:
        raise PluginError(f"the showcase `{showcase.name}` has no English title")
    if not isinstance(showcase.router, APIRouter):
        raise PluginError(f"its router must be an APIRouter, it is {showcase.router!r}")
    if showcase.pages is not None and not Path(showcase.pages).is_dir():
        raise PluginError(f"its pages are not there: {showcase.pages} is no folder")
    _check_jobs(showcase)
    _check_options(showcase, others)


def _check_jobs(showcase: Showcase) -> None:
    """All jobs share one list, so their names begin with the showcase's."""
    names = [job.name for job in showcase.jobs]
    for name in names:
        if not name.startswith(f"{showcase.name}."):
            raise PluginError(f"the job name `{name}` must begin with `{showcase.name}.`")
        if names.count(name) > 1:
            raise PluginError(f"two of its jobs are called `{name}`")


def _check_options(showcase: Showcase, others: Mapping[str, Showcase]) -> None:
    kind = showcase.options
    if not issubclass(kind, ShowcaseOptions):
        raise PluginError(f"its options `{kind.__name__}` must be a kind of ShowcaseOptions")
    if kind in {other.options for other in others.values()} - {ShowcaseOptions}:
        raise PluginError(f"its options `{kind.__name__}` are another showcase's")


def read_options(plugin: str, showcase: Showcase, values: Mapping[str, Any]) -> ShowcaseOptions:
    """What the operator has set for a showcase, in the showcase's own model."""
    try:
        return showcase.options.model_validate(dict(values))
    except ValidationError as error:
        raise PluginError(_misfit(f"plugins.options.{plugin}", showcase.options, error)) from None


def _misfit(section: str, kind: type[ShowcaseOptions], error: ValidationError) -> str:
    """Which options don't fit, and why."""
    sentences = []
    for item in error.errors(include_input=False, include_url=False):
        path = ".".join(map(str, (section, *item["loc"])))
        if item["type"] == "extra_forbidden":
            advice = nearest(str(item["loc"][-1]), kind.model_fields)
            sentences.append(f"unknown setting `{path}`{advice}")
        else:
            sentences.append(f"setting `{path}`: {item['msg']}")
    return "; ".join(sentences)


def nearest(name: str, known: Iterable[str]) -> str:
    """Advice for a name that is not known; empty where nothing is like it."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean `{near[0]}`?" if near else ""
