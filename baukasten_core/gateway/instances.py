"""Instances: the configured servers and accounts, each a provider with a name and a region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from baukasten_core.contracts.llm import LLMProvider, Model, RemoteConfig
from baukasten_core.contracts.provider import Provider, ProviderConfig
from baukasten_core.errors import ProviderNotConfigured, SettingsError, misfits
from baukasten_core.gateway.residency import LOCAL, UNDECLARED, Destination, region_of


@dataclass(frozen=True, slots=True)
class Instance:
    """A configured provider.

    Attributes:
        name: the operator's, lower case.
        provider: the registered provider it is made of.
        llm: the implementation; None when `problem` says why there is none.
        region: where it processes data.
        hosted_region: where it sends what its hosted models are asked.
        model: the configured default.
        processor: who processes it, for the Article 30 record.
        hosts: some of its models may be hosted elsewhere (Ollama), so none is asked unseen.
        look_first: its list is looked at before a model is asked.
        pull_missing: a model that is not there is fetched when it is asked for.
        first_seconds: until its answer must begin; None for as long as the whole may take.
    """

    name: str
    provider: str
    llm: LLMProvider | None
    region: str
    hosted_region: str = UNDECLARED
    model: str = ""
    processor: str | None = None
    hosts: bool = False
    look_first: bool = False
    problem: str = ""
    first_seconds: float | None = None
    pull_missing: bool = False

    def ready(self) -> LLMProvider:
        """The implementation; raises ProviderNotConfigured with the problem."""
        if self.llm is None:
            raise ProviderNotConfigured(self.problem)
        # Not `isinstance(..., CheckedProvider)`, which takes longer than all the rest of it.
        check = getattr(self.llm, "check", None)
        if check is not None:
            check()
        return self.llm

    @property
    def needs_sources(self) -> bool:
        return self.llm is not None and self.llm.capabilities.needs_sources

    @property
    def pulls(self) -> bool:
        """Its server can fetch models."""
        return self.llm is not None and self.llm.capabilities.pull

    @property
    def destination(self) -> Destination:
        return Destination("llm", self.name, self.region, f"llm.instances.{self.name}.region")

    def destination_of(self, model: Model | None) -> Destination:
        """Where a prompt for this model ends up."""
        if model is None or not model.hosted:
            return self.destination
        setting = f"llm.instances.{self.name}.hosted_region"
        return Destination("llm", f"{self.name}/{model.name}", self.hosted_region, setting)


def build_instances(
    providers: Mapping[str, Provider[LLMProvider]], configured: Mapping[str, Mapping[str, Any]]
) -> dict[str, Instance]:
    """Every configured instance by its lower-case name; nothing connects yet.

    An instance whose provider is not installed (its plugin may be quarantined) is there and says
    so when it is asked.

    Raises:
        SettingsError: options that do not fit, or two instances of one name.
    """
    built: dict[str, Instance] = {}
    for name, options in configured.items():
        key = name.lower()
        if key in built:
            raise SettingsError(f"setting `llm.instances`: `{name}` is there twice")
        built[key] = _build(key, dict(options), providers)
    return built


def _build(
    name: str, options: dict[str, Any], providers: Mapping[str, Provider[LLMProvider]]
) -> Instance:
    vendor = str(options.pop("provider", name)).lower()
    registered = providers.get(vendor)
    if registered is None:
        known = ", ".join(sorted(providers)) or "none"
        problem = f"The provider `{vendor}` of `{name}` is not installed; installed: {known}."
        return Instance(name, vendor, None, UNDECLARED, problem=problem)
    config = _config(name, registered, options)
    llm = registered.build(config)
    region = _region(config, llm)
    hosts = "hosted_region" in type(config).model_fields
    return Instance(
        name,
        vendor,
        llm,
        region,
        hosted_region=region_of(None, getattr(config, "hosted_region", None)),
        model=getattr(config, "model", None) or "",
        processor=getattr(config, "processor", None),
        hosts=hosts,
        look_first=hosts or (region == LOCAL and not llm.capabilities.in_process),
        first_seconds=getattr(config, "first_token_timeout", None),
        pull_missing=getattr(config, "pull_missing", False),
    )


def _config(name: str, registered: Provider[LLMProvider], options: dict[str, Any]) -> Any:
    try:
        return registered.config(**options)
    except ValidationError as error:
        raise SettingsError(f"setting `llm.instances.{name}`: {misfits(error)}") from None


def _region(config: ProviderConfig, llm: LLMProvider) -> str:
    declared = getattr(config, "region", None)
    if isinstance(config, RemoteConfig):
        return region_of(config.base_url, declared)
    if llm.capabilities.in_process and not declared:
        return LOCAL
    return region_of(None, declared)
