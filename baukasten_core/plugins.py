"""PluginHost: finds plugins, checks them, quarantines what fails, and answers for each hook.

A plugin that can't be imported, misspells a hook, raises in one or registers something invalid
is quarantined with the reason; the rest serves. Every process builds its own host.
"""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from baukasten_core import hookspecs
from baukasten_core.contracts.auth import AuthProvider
from baukasten_core.contracts.commands import Command
from baukasten_core.contracts.embedding import EmbeddingProvider
from baukasten_core.contracts.llm import LLMProvider
from baukasten_core.contracts.mail import Mailer
from baukasten_core.contracts.provider import Provider
from baukasten_core.contracts.reranking import Reranker
from baukasten_core.contracts.showcase import Showcase
from baukasten_core.contracts.speech import SpeechProvider
from baukasten_core.contracts.storage import BlobStore, VectorStore
from baukasten_core.errors import PluginError

T = TypeVar("T")

NAME = re.compile(r"[a-z][a-z0-9_]{1,30}")

BUILTIN = "baukasten_core.providers.builtin"
"""The module that registers what ships with the core, through the same hooks."""


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """What `baukasten plugins` and `/health` say of a plugin."""

    name: str
    version: str
    status: str  # "ready" or "quarantined"
    reason: str | None = None


@dataclass
class PluginHost:
    """The loaded plugins. Made by `discover`; `quarantine` may still take one out (migrations)."""

    _manager: pluggy.PluginManager
    _versions: dict[str, str] = field(default_factory=dict)
    _quarantined: dict[str, str] = field(default_factory=dict)
    _registered: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def discover(
        cls, *, disabled: Iterable[str] = (), extra: Iterable[ModuleType] = ()
    ) -> PluginHost:
        """Load the built-ins, every installed entry point that is not `disabled`, and `extra`
        modules (for tests and library users that have a plugin in hand)."""
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        host = cls(manager)
        host._add(BUILTIN, importlib.import_module(BUILTIN), version="built in", strict=True)
        skip = set(disabled)
        for point in sorted(entry_points(group=hookspecs.PROJECT), key=lambda point: point.name):
            if point.name not in skip:
                host._load(point)
        for module in extra:
            host._add(module.__name__, module, version="in process")
        return host

    # --- one typed method a hook ----------------------------------------------------------

    def showcases(self) -> Mapping[str, Showcase]:
        """Showcases by name, quarantined ones left out."""
        found = self._collect("register_showcase", Showcase)
        return {showcase.name: showcase for showcase in found}

    def llm_providers(self) -> Mapping[str, Provider[LLMProvider]]:
        return self._providers("register_llm_providers")

    def embedding_providers(self) -> Mapping[str, Provider[EmbeddingProvider]]:
        return self._providers("register_embedding_providers")

    def rerankers(self) -> Mapping[str, Provider[Reranker]]:
        return self._providers("register_rerankers")

    def speech_providers(self) -> Mapping[str, Provider[SpeechProvider]]:
        return self._providers("register_speech_providers")

    def auth_providers(self) -> Mapping[str, Provider[AuthProvider]]:
        return self._providers("register_auth_providers")

    def vector_stores(self) -> Mapping[str, Provider[VectorStore]]:
        return self._providers("register_vector_stores")

    def blob_stores(self) -> Mapping[str, Provider[BlobStore]]:
        return self._providers("register_blob_stores")

    def mailers(self) -> Mapping[str, Provider[Mailer]]:
        return self._providers("register_mailers")

    def commands(self) -> Sequence[Command]:
        return self._collect("register_commands", Command)

    # --- quarantine -------------------------------------------------------------------------

    def quarantine(self, plugin: str, reason: str) -> None:
        """Take a plugin out, for a reason that an operator can act on."""
        self._quarantined[plugin] = reason
        self._registered.pop(plugin, None)
        if self._manager.has_plugin(plugin):
            self._manager.unregister(name=plugin)

    @property
    def quarantined(self) -> Mapping[str, str]:
        """Reason by plugin."""
        return dict(self._quarantined)

    def plugin_of(self, showcase: str) -> str:
        """The name of the plugin that brought a showcase."""
        for plugin, hooks in self._registered.items():
            registered = hooks.get("register_showcase")
            if registered is not None and registered.name == showcase:
                return plugin
        return showcase

    def plugins(self) -> Sequence[PluginInfo]:
        """Every plugin found, ready or quarantined, by name."""
        names = {*self._registered, *self._quarantined}
        return [
            PluginInfo(
                name=name,
                version=self._versions.get(name, "unknown"),
                status="quarantined" if name in self._quarantined else "ready",
                reason=self._quarantined.get(name),
            )
            for name in sorted(names)
        ]

    # --- loading ----------------------------------------------------------------------------

    def _load(self, point: EntryPoint) -> None:
        version = point.dist.version if point.dist else "unknown"
        try:
            plugin = point.load()
        except Exception as error:
            # Whatever a stranger's import raises must not take the platform down.
            self._versions[point.name] = version
            self.quarantine(point.name, f"import failed: {type(error).__name__}: {error}")
            return
        self._add(point.name, plugin, version=version)

    def _add(self, name: str, plugin: Any, *, version: str, strict: bool = False) -> None:
        self._versions[name] = version
        try:
            self._manager.register(plugin, name=name)
            _refuse_unknown_hooks(self._manager, plugin)
            self._registered[name] = self._call_hooks(name)
        except Exception as error:
            if strict:
                raise
            reason = (
                error.detail
                if isinstance(error, PluginError)
                else f"{type(error).__name__}: {error}"
            )
            self.quarantine(name, reason)

    def _call_hooks(self, name: str) -> dict[str, Any]:
        """Call each hook of one plugin and check what it returns."""
        plugin = self._manager.get_plugin(name)
        results: dict[str, Any] = {}
        for caller in self._manager.get_hookcallers(plugin) or []:
            impl = next(impl for impl in caller.get_hookimpls() if impl.plugin is plugin)
            results[caller.name] = self._checked(caller.name, impl.function())
        return results

    def _checked(self, hook: str, result: Any) -> Any:
        if hook == "register_showcase":
            self._check_showcase(result)
            return result
        if not isinstance(result, list | tuple):
            raise PluginError(f"{hook} must return a list, it returned {type(result).__name__}")
        wanted = Command if hook == "register_commands" else Provider
        taken = {item.name for hooks in self._registered.values() for item in hooks.get(hook, ())}
        for item in result:
            if not isinstance(item, wanted):
                raise PluginError(f"{hook} must return {wanted.__name__} objects, got {item!r}")
            if item.name in taken:
                raise PluginError(f"{hook}: the name `{item.name}` is taken by another plugin")
        return list(result)

    def _check_showcase(self, showcase: Any) -> None:
        if not isinstance(showcase, Showcase):
            raise PluginError(f"register_showcase must return a Showcase, got {showcase!r}")
        if not NAME.fullmatch(showcase.name):
            raise PluginError(
                f"the showcase name `{showcase.name}` must match [a-z][a-z0-9_]{{1,30}}"
            )
        if showcase.name in RESERVED_NAMES or showcase.name in self.showcases():
            raise PluginError(f"the showcase name `{showcase.name}` is taken")
        if "en" not in showcase.title:
            raise PluginError(f"the showcase `{showcase.name}` has no English title")

    def _collect(self, hook: str, kind: type[T]) -> list[T]:
        found: list[T] = []
        for hooks in self._registered.values():
            result = hooks.get(hook)
            found.extend([result] if isinstance(result, kind) else result or [])
        return found

    def _providers(self, hook: str) -> Mapping[str, Provider[Any]]:
        found: list[Provider[Any]] = self._collect(hook, Provider)
        return {provider.name: provider for provider in found}


RESERVED_NAMES = frozenset(
    {"admin", "apps", "auth", "baukasten_core", "core", "docs", "documents", "health", "jobs"}
    | {"information_schema", "llm", "openapi", "other", "pg_catalog", "problems", "projects"}
    | {"public", "redoc", "static", "tenants", "users", "v1"}
)
"""Route prefixes and schemas of the core, which no showcase may take."""


def _refuse_unknown_hooks(manager: pluggy.PluginManager, plugin: Any) -> None:
    """A misspelt hook is an error, with the nearest name that exists."""
    known = [name for name in dir(hookspecs) if name.startswith("register_")]
    for name in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, name)
        if options is None:
            continue
        hook = options.get("specname") or name
        if hook not in known:
            near = difflib.get_close_matches(hook, known, n=1)
            advice = (
                f"; did you mean `{near[0]}`?" if near else f"; known hooks: {', '.join(known)}"
            )
            raise PluginError(f"unknown hook `{hook}`{advice}")
