"""PluginHost: finds plugins, checks them, quarantines what fails, and answers for each hook.

A plugin that can't be imported, misspells a hook, raises in one or registers something invalid
is quarantined with the reason; the rest serves. Every process builds its own host.
"""

from __future__ import annotations

import importlib
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
from baukasten_core.contracts.showcase import Showcase, ShowcaseOptions
from baukasten_core.contracts.speech import SpeechProvider
from baukasten_core.contracts.storage import BlobStore, VectorStore
from baukasten_core.errors import PluginError, SettingsError, reason_of
from baukasten_core.plugin_checks import (
    check_showcase,
    nearest,
    read_options,
    refuse_unknown_hooks,
)

T = TypeVar("T")
OptionsT = TypeVar("OptionsT", bound=ShowcaseOptions)

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
    _options: dict[type[ShowcaseOptions], ShowcaseOptions] = field(default_factory=dict)
    _disabled: frozenset[str] = frozenset()

    @classmethod
    def discover(
        cls, *, disabled: Iterable[str] = (), extra: Iterable[ModuleType] = ()
    ) -> PluginHost:
        """Load the built-ins, every installed entry point that is not `disabled`, and `extra`
        modules (for tests and library users that have a plugin in hand)."""
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        host = cls(manager, _disabled=frozenset(disabled))
        host._add(BUILTIN, importlib.import_module(BUILTIN), version="built in", strict=True)
        for point in sorted(entry_points(group=hookspecs.PROJECT), key=lambda point: point.name):
            if point.name not in host._disabled:
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

    # --- options ----------------------------------------------------------------------------

    def configure(self, options: Mapping[str, Mapping[str, Any]]) -> None:
        """Give each showcase its options, by its plugin's name; whom they don't fit is
        quarantined.

        Raises:
            SettingsError: there is no such plugin, or it is no showcase.
        """
        showcases = {
            plugin: hooks["register_showcase"]
            for plugin, hooks in self._registered.items()
            if "register_showcase" in hooks
        }
        for name in options.keys() - showcases.keys() - self._quarantined.keys() - self._disabled:
            advice = nearest(name, showcases)
            raise SettingsError(f"setting `plugins.options.{name}`: no such showcase{advice}")
        for plugin, showcase in showcases.items():
            try:
                made = read_options(plugin, showcase, options.get(plugin, {}))
                self._options[showcase.options] = made
            except Exception as error:
                # Its own validators may raise anything.
                self.quarantine(plugin, reason_of(error))

    def options(self, kind: type[OptionsT]) -> OptionsT:
        """The options of the showcase that registered `kind` for them."""
        found = self._options.get(kind)
        if not isinstance(found, kind):
            raise PluginError(f"no showcase has registered `{kind.__name__}` for its options")
        return found

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
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            # Whatever a stranger's import raises, SystemExit included, must not end the platform.
            self._versions[point.name] = version
            self.quarantine(point.name, f"import failed: {reason_of(error)}")
            return
        self._add(point.name, plugin, version=version)

    def _add(self, name: str, plugin: Any, *, version: str, strict: bool = False) -> None:
        self._versions[name] = version
        try:
            self._manager.register(plugin, name=name)
            refuse_unknown_hooks(self._manager, plugin)
            self._registered[name] = self._call_hooks(name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if strict:
                raise
            self.quarantine(name, reason_of(error))

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
            check_showcase(result, self.showcases())
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

    def _collect(self, hook: str, kind: type[T]) -> list[T]:
        found: list[T] = []
        for hooks in self._registered.values():
            result = hooks.get(hook)
            found.extend([result] if isinstance(result, kind) else result or [])
        return found

    def _providers(self, hook: str) -> Mapping[str, Provider[Any]]:
        found: list[Provider[Any]] = self._collect(hook, Provider)
        return {provider.name: provider for provider in found}
