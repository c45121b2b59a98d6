"""The gateway's promises, against emulated vendors on real sockets."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from baukasten_core.contracts.gateway import (
    Answer,
    GatewayCall,
    LLMGateway,
    Routed,
    collect,
)
from baukasten_core.contracts.llm import Capabilities, GenerateRequest, LLMProvider, Message, Source
from baukasten_core.contracts.provider import Provider, ProviderConfig
from baukasten_core.errors import (
    BadRequest,
    BaukastenError,
    ModelNotFound,
    ProviderError,
    ProviderNotConfigured,
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
    ResidencyViolation,
    SettingsError,
    StreamInterrupted,
)
from baukasten_core.gateway import Gateway, build_instances
from baukasten_core.gateway.checks import instance_check
from baukasten_core.gateway.meter import UsageRecord
from baukasten_core.gateway.residency import Refusal
from baukasten_core.plugins import PluginHost
from baukasten_core.testing.emulators import (
    AnthropicEmulator,
    EmulatedModel,
    OllamaEmulator,
    OpenAIEmulator,
    Reply,
)
from baukasten_core.testing.fakes import FakeLLM

ASK = (Message("user", "When are invoices sent?"),)
SOURCES = (Source("Invoices are sent on the first working day of the month."),)
TEXT = "This is an emulated answer."
LOCAL = frozenset({"local"})


def _given(llm: LLMProvider, config: ProviderConfig) -> LLMProvider:
    return llm


class Watched:
    """A gateway, with what it wrote down."""

    def __init__(self, instances: dict[str, dict[str, Any]], *chain: str, **fakes: Any) -> None:
        providers = dict(PluginHost.discover().llm_providers())
        for name, llm in fakes.items():
            providers[name] = Provider(name, build=partial(_given, llm))
            instances.setdefault(name, {})
        self.refusals: list[Refusal] = []
        self.usage: list[UsageRecord] = []
        self.gateway = Gateway(
            build_instances(providers, instances),
            chain,
            on_refused=self._refused,
            on_usage=self._used,
        )

    async def _refused(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)

    async def _used(self, record: UsageRecord) -> None:
        self.usage.append(record)

    async def ask(
        self, instance: str | None = None, residency: frozenset[str] = LOCAL, **changes: Any
    ) -> Answer:
        request = GenerateRequest(**{"model": "", "messages": ASK, "timeout": 30.0, **changes})
        call = GatewayCall(request, instance, residency=residency)
        async with asyncio.timeout(60):
            return await collect(self.gateway.generate(call))

    async def context(self, instance: str) -> int | None:
        return await self.gateway.context(GatewayCall(GenerateRequest("", ASK), instance))

    async def refuses(self, error: type[BaukastenError], *args: Any, **changes: Any) -> Any:
        with pytest.raises(error) as caught:
            await self.ask(*args, **changes)
        return caught.value


Build = Callable[..., Watched]


@pytest_asyncio.fixture
async def build() -> AsyncIterator[Build]:
    """Makes gateways and closes them."""
    made: list[Watched] = []

    def build(*args: Any, **kwargs: Any) -> Watched:
        made.append(Watched(*args, **kwargs))
        return made[-1]

    yield build
    for watched in made:
        await watched.gateway.aclose()


@pytest.fixture
def box(ollama_emulator: OllamaEmulator) -> dict[str, Any]:
    """An instance at the emulated Ollama."""
    return {"provider": "ollama", "base_url": ollama_emulator.url}


@pytest.fixture
def far() -> Iterator[OpenAIEmulator]:
    """A server that is declared to be in the USA."""
    with OpenAIEmulator() as server:
        yield server


def in_region(server: OpenAIEmulator, region: str = "us") -> dict[str, Any]:
    return {"provider": "openai_compatible", "base_url": server.url, "region": region}


# --- choice -----------------------------------------------------------------------------------


async def test_is_what_the_contract_says(build: Build, box: dict[str, Any]) -> None:
    assert isinstance(build({"box": box}, "box").gateway, LLMGateway)


async def test_says_first_who_answers(build: Build, box: dict[str, Any]) -> None:
    answer = await build({"Box": box}, "box").ask("BOX")
    assert answer.routed == Routed("box", "ollama", "tiny:latest", "local")
    assert (answer.text, answer.finished.model) == (TEXT, "tiny:latest")
    assert pickle.loads(pickle.dumps(answer)) == answer


async def test_takes_the_named_model_else_the_configured_else_the_first_listed(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    names = ("embedder:latest", "first:latest", "second:latest")
    ollama_emulator.models = tuple(
        EmulatedModel(name, embedding=name.startswith("embedder")) for name in names
    )
    plain = build({"box": box}, "box")
    configured = build({"box": {**box, "model": "second"}}, "box")

    assert (await plain.ask()).routed.model == "first:latest"
    assert (await configured.ask()).routed.model == "second:latest"
    assert (await configured.ask(model="first")).routed.model == "first:latest"


async def test_an_unknown_provider_is_a_bad_request_that_lists_the_known(
    build: Build, box: dict[str, Any]
) -> None:
    watched = build({"box": box, "other": box}, "box")
    error = await watched.refuses(BadRequest, "nobody")
    assert error.detail == "Unknown provider `nobody`; known: `box`, `other`."
    with pytest.raises(BadRequest):
        await watched.gateway.models(LOCAL, "nobody")


async def test_a_provider_without_key_says_so_and_sends_nothing(
    build: Build, anthropic_emulator: AnthropicEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    options = {"provider": "anthropic", "base_url": anthropic_emulator.url}
    error = await build({"anthropic": options}).refuses(ProviderNotConfigured, "anthropic")
    assert error.status == 400
    assert error.detail.endswith("API key not configured")
    assert anthropic_emulator.connections == 0


async def test_a_missing_key_is_told_before_that_residency_forbids_the_provider(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XAI_API_KEY", raising=False)
    watched = build({"grok": {"provider": "grok"}})
    error = await watched.refuses(ProviderNotConfigured, "grok", residency=LOCAL)
    assert error.detail == "Grok API key not configured"


async def test_a_named_provider_that_is_down_is_unavailable_with_retry_after(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    watched = build({"box": box}, "box", fake=FakeLLM())
    with ollama_emulator.down():
        error = await watched.refuses(ProviderUnavailable, "box")
    assert (error.status, error.headers["Retry-After"]) == (503, "5")
    assert watched.usage == []


async def test_a_missing_model_lists_what_is_there_and_how_to_pull(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    watched = build({"box": box}, "box")
    error = await watched.refuses(ModelNotFound, "box", model="large")
    assert error.detail == "`box` has no model `large`. It has `tiny:latest`."
    assert "`baukasten models pull large`" in error.hint
    assert error.extra["models"] == ["tiny:latest"]
    # It was found out without sending the prompt.
    assert b"invoices" not in ollama_emulator.received
    ollama_emulator.models = ()
    fresh = build({"box": box}, "box")
    error = await fresh.refuses(ModelNotFound, "box")
    assert "no models yet" in error.detail


async def test_a_missing_model_is_fetched_where_the_operator_wants_that(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    ollama_emulator.models = ()
    watched = build({"box": {**box, "pull_missing": True}}, "box")
    assert (await watched.ask("box", model="tiny")).finished.model == "tiny:latest"
    with pytest.raises(ModelNotFound):
        await watched.ask("box", model="in-no-library")
    assert [request.path for request in ollama_emulator.requests].count("/api/pull") == 2

    patient = build({"box": box}, "box")
    ollama_emulator.models = ()
    await patient.refuses(ModelNotFound, "box", model="tiny")


async def test_a_fetch_takes_no_longer_than_the_caller_waits(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    ollama_emulator.models = ()
    ollama_emulator.faults.piece_delay = 600.0
    watched = build({"box": {**box, "pull_missing": True}}, "box")
    error = await watched.refuses(ProviderTimeout, "box", model="tiny", timeout=0.3)
    assert "is still fetching `tiny`" in error.detail


async def test_the_context_comes_from_the_server_and_is_asked_once(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    ollama_emulator.models = (EmulatedModel("small:latest", context=4096),)
    ollama_emulator.loaded = ("small:latest",)
    watched = build({"box": box}, "box")
    for _ in range(2):
        (model,) = (await watched.gateway.models()).models
        assert (model.context, model.loaded) == (4096, True)
    assert [request.path for request in ollama_emulator.requests].count("/api/show") == 1

    assert await watched.context("box") == 4096

    long = (Message("user", "word " * 8_000),)
    error = await watched.refuses(ProviderRejected, "box", messages=long)
    assert "room for 4096" in error.detail
    assert not any(request.path == "/api/chat" for request in ollama_emulator.requests)


async def test_what_fits_is_what_the_model_reads_and_the_operator_allows(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    ollama_emulator.models = (EmulatedModel("large", context=131_072),)
    watched = build({"box": {**box, "max_context": 8192}}, "box")
    (model,) = (await watched.gateway.models()).models
    assert model.context == await watched.context("box") == 8192


async def test_a_prompt_in_any_script_is_given_the_context_that_it_needs(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    """Ollama cuts a longer one in silence: 6,000 characters are 6,000 tokens in Chinese."""
    prompt = (Message("user", "数据必须留在原地" * 750),)
    await build({"box": box}, "box").ask("box", messages=prompt)
    assert ollama_emulator.requests[-1].json()["options"]["num_ctx"] >= 8192


async def test_whom_residency_forbids_is_not_asked_what_it_reads(
    build: Build, far: OpenAIEmulator
) -> None:
    watched = build({"far": in_region(far, "us")}, "far")
    assert await watched.context("far") is None
    assert far.connections == 0


async def test_a_model_stays_in_memory_as_long_as_the_operator_says(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    await build({"box": {**box, "keep_alive": "30m"}}, "box").ask("box")
    assert ollama_emulator.requests[-1].json()["keep_alive"] == "30m"
    await build({"box": box}, "box").ask("box")
    assert "keep_alive" not in ollama_emulator.requests[-1].json()


async def test_a_model_that_was_pulled_or_removed_a_moment_ago_is_noticed(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    watched = build({"box": box}, "box")
    assert (await watched.ask()).routed.model == "tiny:latest"
    ollama_emulator.models = (EmulatedModel("new"),)
    assert (await watched.ask(model="new")).routed.model == "new"
    ollama_emulator.models = (EmulatedModel("newer"),)
    assert (await watched.ask()).routed.model == "newer"


async def test_a_model_that_the_server_alone_knows_to_be_missing(
    build: Build, far: OpenAIEmulator
) -> None:
    watched = build({"far": in_region(far, "eu")}, "far")
    error = await watched.refuses(ModelNotFound, "far", frozenset({"eu"}), model="large")
    assert error.detail == "`far` has no model `large`. It has `tiny`."


async def test_a_server_that_cannot_list_is_still_asked(build: Build) -> None:
    class Unlisted(FakeLLM):
        capabilities = Capabilities()

        async def models(self) -> Any:
            raise ProviderUnavailable("The list is broken.")

    watched = build({"odd": {}}, "odd", odd=Unlisted())
    watched.gateway.instances["odd"] = replace(
        watched.gateway.instances["odd"], region="local", look_first=True
    )
    assert (await watched.ask("odd", model="fake-model")).text == "This is a fake answer."
    assert (await watched.refuses(ProviderUnavailable, "odd")).detail == "The list is broken."


# --- the chain --------------------------------------------------------------------------------


async def test_the_chain_goes_on_until_somebody_answers(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    watched = build(
        {"empty": {"provider": "anthropic", "api_key": None, "region": "local"}, "box": box},
        *("empty", "box", "fake"),
        fake=FakeLLM(),
    )
    ollama_emulator.faults.status = 500
    answer = await watched.ask(model="")
    assert (answer.routed.instance, answer.text) == ("fake", "This is a fake answer.")


@pytest.mark.parametrize("fault", ["status", "cut_after", "error_after", "refuse"])
async def test_trouble_before_the_first_piece_falls_back(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator, fault: str
) -> None:
    watched = build({"box": box}, "box", "fake", fake=FakeLLM())
    await watched.ask("box")
    faults = {"status": 503, "cut_after": 0, "error_after": 0, "refuse": True}
    with ollama_emulator.down():
        pass  # no connection of before is used
    setattr(ollama_emulator.faults, fault, faults[fault])
    assert (await watched.ask()).routed.instance == "fake"


@pytest.mark.parametrize("fault", ["cut_after", "error_after"])
async def test_nothing_falls_back_after_the_first_piece(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator, fault: str
) -> None:
    fake = FakeLLM()
    watched = build({"box": box}, "box", "fake", fake=fake)
    setattr(ollama_emulator.faults, fault, 2)
    await watched.refuses(StreamInterrupted)
    assert fake.requests == []
    assert watched.usage[-1].outcome == "interrupted"
    assert watched.usage[-1].usage.estimated


async def test_a_request_that_is_refused_is_not_asked_again_elsewhere(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    fake = FakeLLM()
    watched = build({"box": {**box, "model": "tiny"}}, "box", "fake", fake=fake)
    await watched.ask()
    ollama_emulator.faults.status = 400
    await watched.refuses(ProviderRejected)
    assert fake.requests == []


async def test_without_a_model_the_sources_are_quoted(build: Build, box: dict[str, Any]) -> None:
    with OllamaEmulator() as gone:
        address = gone.url
    away = {"provider": "ollama", "base_url": address}
    watched = build({"ollama": away, "extractive": {}}, "ollama", "extractive")

    answer = await watched.ask(sources=SOURCES)
    assert answer.text == f"{SOURCES[0].text} [1]"
    assert (answer.routed.provider, answer.finished.model) == ("extractive", "extractive")
    error = await watched.refuses(ProviderUnavailable)
    assert error.detail.startswith("No language model can answer. Ollama does not answer at")
    assert "ollama pull" in error.hint
    # Who names a model does not get quotes instead.
    await watched.refuses(ProviderUnavailable, sources=SOURCES, model="tiny")
    # Named, it says itself what it needs.
    assert "sources" in (await watched.refuses(ProviderUnavailable, "extractive")).detail


async def test_a_slow_instance_leaves_the_next_its_time(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    watched = build({"box": {**box, "model": "tiny"}}, "box", "fake", fake=FakeLLM())
    ollama_emulator.faults.first_delay = 600.0
    assert (await watched.ask(timeout=0.3)).routed.instance == "fake"
    await watched.refuses(ProviderTimeout, "box", timeout=0.3)


async def test_an_instance_that_does_not_begin_in_its_time_leaves_the_next_its_turn(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    """The whole answer may take long: a model on CPUs is slow, one that never begins is stuck."""
    options = {**box, "model": "tiny", "first_token_timeout": 0.3}
    watched = build({"box": options}, "box", "fake", fake=FakeLLM())
    ollama_emulator.faults.first_delay = 600.0
    assert (await watched.ask(timeout=600)).routed.instance == "fake"
    assert [record.error for record in watched.usage] == ["provider-timeout", None]

    ollama_emulator.faults.first_delay = 0.0
    ollama_emulator.faults.piece_delay = 0.2  # the answer takes longer than it may take to begin
    assert (await watched.ask(timeout=600)).routed.instance == "box"


async def test_a_provider_with_a_bug_is_a_provider_error(build: Build) -> None:
    broken = FakeLLM()
    broken.error = KeyError("secret")
    error = await build({}, "broken", broken=broken).refuses(ProviderError)
    assert (error.status, error.detail) == (502, "The provider `broken` failed.")
    broken.error_after = 1
    await build({}, "broken", broken=broken).refuses(ProviderError)


# --- residency --------------------------------------------------------------------------------


async def test_nothing_is_sent_where_the_data_may_not_go(build: Build, far: OpenAIEmulator) -> None:
    watched = build({"far": in_region(far)}, "far")
    error = await watched.refuses(ResidencyViolation, "far", model="tiny")
    listing = await watched.gateway.models(LOCAL)

    assert error.status == 403
    assert (far.connections, bytes(far.received)) == (0, b"")
    assert [refusal.destination.region for refusal in watched.refusals] == ["us"]
    assert [(absent.kind, absent.instance) for absent in listing.unavailable] == [
        ("residency", "far")
    ]
    assert (await watched.ask("far", frozenset({"us"}))).routed.region == "us"


async def test_an_undeclared_address_is_refused_whatever_is_allowed(build: Build) -> None:
    options = {"provider": "openai_compatible", "base_url": "http://192.0.2.1:1/v1"}
    watched = build({"box": options}, "box")
    error = await watched.refuses(ResidencyViolation, "box", frozenset({"local", "us", "eu"}))
    assert "llm.instances.box.region" in error.hint


@pytest.mark.parametrize("vendor", ["anthropic", "grok"])
async def test_the_vendors_own_address_is_abroad_and_another_one_undeclared(
    build: Build, vendor: str
) -> None:
    watched = build(
        {
            "own": {"provider": vendor, "api_key": "key"},
            "proxy": {"provider": vendor, "api_key": "key", "base_url": "http://192.0.2.1:1"},
        }
    )
    assert watched.gateway.instances["own"].region == "us"
    assert watched.gateway.instances["proxy"].region == "undeclared"
    await watched.refuses(ResidencyViolation, "own")
    await watched.refuses(ResidencyViolation, "proxy", frozenset({"us"}))


async def test_fallback_never_crosses_the_line(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator, far: OpenAIEmulator
) -> None:
    watched = build({"box": box, "far": in_region(far)}, "box", "far")
    ollama_emulator.faults.status = 500
    error = await watched.refuses(ProviderUnavailable)
    assert "HTTP 500" in error.detail
    assert far.connections == 0
    assert (await watched.ask(residency=frozenset({"us"}))).routed.instance == "far"


async def test_a_hosted_model_behind_a_local_server_is_not_local(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    """However it is called: a copy of a hosted model may have any name."""
    ollama_emulator.models = (EmulatedModel("mine:latest", hosted=True), EmulatedModel("tiny"))
    watched = build({"box": box, "told": {**box, "hosted_region": "us"}}, "box")

    await watched.refuses(ResidencyViolation, "box", model="mine")
    await watched.refuses(ResidencyViolation, "box", frozenset({"us"}), model="mine")
    await watched.refuses(ResidencyViolation, "told", model="mine")
    assert b"invoices" not in ollama_emulator.received
    assert (await watched.ask("told", frozenset({"us"}), model="mine")).routed.region == "us"
    # With none named, the first that is allowed is taken.
    assert (await watched.ask("box")).routed.model == "tiny"
    regions = {
        (model.instance, model.name): (model.region, model.allowed)
        for model in (await watched.gateway.models(LOCAL)).models
    }
    assert regions["box", "mine:latest"] == ("undeclared", False)
    assert regions["told", "mine:latest"] == ("us", False)
    assert regions["told", "tiny"] == ("local", True)


async def test_a_redirect_to_elsewhere_carries_nothing(
    build: Build, far: OpenAIEmulator, openai_emulator: OpenAIEmulator
) -> None:
    options = {"provider": "openai_compatible", "base_url": openai_emulator.url, "model": "tiny"}
    watched = build({"near": options}, "near")
    openai_emulator.faults.redirect_to = far.origin
    await watched.refuses(ProviderUnavailable, "near")
    assert far.connections == 0


async def test_a_proxy_of_the_environment_is_not_used(
    build: Build, box: dict[str, Any], far: OpenAIEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, far.origin)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert (await build({"box": box}, "box").ask()).text == TEXT
    assert far.connections == 0


# --- models -----------------------------------------------------------------------------------


async def test_models_are_listed_live_and_the_absent_with_the_reason(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    watched = build(
        {
            "box": box,
            "grok": {"provider": "grok", "api_key": None, "region": "local"},
            "gone": {"provider": "a-plugin-that-is-not-there"},
            "extractive": {},
        },
        "box",
    )
    first = await watched.gateway.models()
    ollama_emulator.models = (EmulatedModel("new"),)
    second = await watched.gateway.models()

    assert [(model.instance, model.name) for model in first.models] == [
        ("box", "tiny:latest"),
        ("extractive", "extractive"),
    ]
    assert {absent.instance: absent.kind for absent in first.unavailable} == {
        "grok": "not_configured",
        "gone": "not_configured",
    }
    assert [model.name for model in second.models] == ["new", "extractive"]
    with ollama_emulator.down():
        third = await watched.gateway.models(LOCAL, "box")
    assert [(absent.kind, absent.instance) for absent in third.unavailable] == [("down", "box")]
    assert "does not answer" in third.unavailable[0].reason


async def test_health_asks_each_instance_and_tells_what_is_expected_from_what_is_not(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    gateway = build({"box": box, "extractive": {}}, "box").gateway
    expected = instance_check(gateway, "box", LOCAL, expected=True)
    optional = instance_check(gateway, "box", LOCAL, expected=False)
    assert await expected() is None
    assert await optional() is None
    with ollama_emulator.down():
        assert "does not answer" in (await expected() or "")
        with pytest.raises(ProviderNotConfigured, match="does not answer"):
            await optional()
        assert await instance_check(gateway, "extractive", LOCAL, expected=True)() is None


async def test_health_contacts_no_instance_outside_the_residency(
    build: Build, far: OpenAIEmulator
) -> None:
    gateway = build({"far": in_region(far)}, "far").gateway
    with pytest.raises(ProviderNotConfigured, match="`us`"):
        await instance_check(gateway, "far", LOCAL, expected=True)()
    assert far.connections == 0
    there = instance_check(gateway, "far", frozenset({"us"}), expected=True)
    assert (await there(), await there()) == (None, None)
    assert far.connections == 1, "a vendor that answered is not asked all day"


def test_wrong_options_name_the_setting() -> None:
    providers = PluginHost.discover().llm_providers()
    with pytest.raises(SettingsError, match=r"llm\.instances\.box`: modle"):
        build_instances(providers, {"box": {"provider": "ollama", "modle": "x"}})
    with pytest.raises(SettingsError, match="base_url"):
        build_instances(providers, {"box": {"provider": "ollama", "base_url": "localhost:1"}})
    with pytest.raises(SettingsError, match="twice"):
        build_instances(providers, {"a": {"provider": "ollama"}, "A": {"provider": "ollama"}})


async def test_a_provider_without_an_address_has_to_say_where_it_computes(build: Build) -> None:
    class Unclear(FakeLLM):
        capabilities = Capabilities()

    watched = build({}, "unclear", unclear=Unclear())
    await watched.refuses(ResidencyViolation, "unclear")


# --- usage ------------------------------------------------------------------------------------


async def test_every_attempt_is_metered_and_no_text_kept(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    watched = build({"box": {**box, "model": "tiny"}}, "box", "fake", fake=FakeLLM())
    await watched.ask()
    ollama_emulator.faults.status = 500
    await watched.ask()

    answered, failed, fallback = watched.usage
    assert (answered.outcome, answered.usage.completion_tokens) == ("answered", 5)
    assert answered.first_ms is not None
    assert answered.first_ms <= answered.total_ms
    assert (failed.outcome, failed.error, failed.first_ms) == (
        "failed",
        "provider-unavailable",
        None,
    )
    assert (fallback.instance, fallback.outcome) == ("fake", "answered")
    for record in watched.usage:
        assert "invoices" not in repr(record)
        assert "emulated" not in repr(record)


async def test_a_caller_that_leaves_ends_the_work_and_is_metered(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    watched = build({"box": box}, "box")
    ollama_emulator.faults.piece_delay = 600.0
    call = GatewayCall(GenerateRequest("", ASK))
    async with asyncio.timeout(30), aclosing(watched.gateway.generate(call)) as events:
        assert isinstance(await anext(events), Routed)
        await anext(events)
    assert await asyncio.to_thread(ollama_emulator.requests[-1].left.wait, 10.0)
    assert [record.outcome for record in watched.usage] == ["cancelled"]


async def test_an_answer_does_not_fail_with_its_record(build: Build) -> None:
    async def broken(record: UsageRecord) -> None:
        raise OSError("no database")

    providers: dict[str, Provider[LLMProvider]] = {"fake": Provider("fake", lambda _: FakeLLM())}
    gateway = Gateway(build_instances(providers, {"fake": {}}), ("fake",), on_usage=broken)
    answer = await collect(gateway.generate(GatewayCall(GenerateRequest("", ASK))))
    assert answer.text == "This is a fake answer."


async def test_answers_many_at_once_and_lists_models_once(
    build: Build, box: dict[str, Any], ollama_emulator: OllamaEmulator
) -> None:
    watched = build({"box": box}, "box")
    ollama_emulator.reply = lambda asked: Reply(asked.prompt)
    prompts = [f"prompt {number}" for number in range(50)]
    answers = await asyncio.gather(
        *(watched.ask(messages=(Message("user", prompt),)) for prompt in prompts)
    )
    assert [answer.text for answer in answers] == prompts
    assert sum(request.path == "/api/tags" for request in ollama_emulator.requests) == 1
