"""Routes, retries and breakers of the gateway: who is asked, in which order, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baukasten_core.contracts.gateway import GatewayCall, collect
from baukasten_core.contracts.llm import GenerateRequest, Image, Message, Tool
from baukasten_core.contracts.provider import Provider
from baukasten_core.errors import (
    ProviderRejected,
    ProviderTimeout,
    ProviderUnavailable,
    ResidencyViolation,
    SettingsError,
    StreamInterrupted,
)
from baukasten_core.gateway import Gateway, build_instances
from baukasten_core.gateway.breaker import FAILURES, Breaker
from baukasten_core.gateway.routes import Condition, Target, in_order
from baukasten_core.plugins import PluginHost
from baukasten_core.testing.emulators import OpenAIEmulator
from baukasten_core.testing.fakes import FakeLLM

ASK = (Message("user", "When are invoices sent?"),)
PICTURE = (Message("user", "What is this?", images=(Image(b"png", "image/png"),)),)


def request(**changes: Any) -> GenerateRequest:
    return GenerateRequest(**{"model": "", "messages": ASK, "timeout": 30.0, **changes})


@pytest.fixture
def one() -> Iterator[OpenAIEmulator]:
    with OpenAIEmulator() as server:
        yield server


@pytest.fixture
def two() -> Iterator[OpenAIEmulator]:
    with OpenAIEmulator() as server:
        yield server


def gateway(*servers: OpenAIEmulator, routes: Any = None, **options: Any) -> Gateway:
    """Instances `one`, `two`, ... ; the chain is all of them."""
    names = ("one", "two")[: len(servers)]
    configured = {
        name: {"provider": "openai_compatible", "base_url": server.url}
        for name, server in zip(names, servers, strict=True)
    }
    instances = build_instances(PluginHost.discover().llm_providers(), configured)
    return Gateway(instances, names, routes=routes, **options)


async def ask(gateway: Gateway, instance: str | None = None, **changes: Any) -> str:
    """The instance that answered."""
    answer = await collect(gateway.generate(GatewayCall(request(**changes), instance)))
    return answer.routed.instance


def names(targets: list[Target]) -> list[str]:
    return [target.instance for target in targets]


# --- the order --------------------------------------------------------------------------------


async def test_a_route_is_named_as_a_model_is(one: OpenAIEmulator, two: OpenAIEmulator) -> None:
    model = two.models[0].name
    routed = gateway(one, two, routes={"fast": [Target("two", model), Target("one")]})
    assert await ask(routed) == "one"
    assert await ask(routed, model="fast") == "two"
    assert two.requests[-1].json()["model"] == model


async def test_a_route_goes_on_to_its_next_target(one: OpenAIEmulator, two: OpenAIEmulator) -> None:
    routed = gateway(one, two, routes={"safe": [Target("two"), Target("one")]})
    two.faults.refuse = True
    assert await ask(routed, model="safe") == "one"


@given(st.lists(st.sampled_from([None, 0.5, 1.0, 3.0]), min_size=1, max_size=8))
def test_every_target_is_asked_once_and_only_neighbours_with_weights_change_places(
    weights: list[float | None],
) -> None:
    targets = [Target(str(place), weight=weight) for place, weight in enumerate(weights)]
    ordered = in_order(targets, request())
    assert sorted(names(ordered)) == sorted(names(targets))
    for place, weight in enumerate(weights):
        if weight is None:
            assert ordered[place] is targets[place]


def test_the_first_is_drawn_by_its_weight() -> None:
    targets = [Target("one", weight=3.0), Target("two", weight=1.0)]
    first = Counter(in_order(targets, request())[0].instance for _ in range(4_000))
    assert first["one"] / 4_000 == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize(
    ("condition", "fits", "does_not"),
    [
        (Condition(images=True), {"messages": PICTURE}, {}),
        (Condition(images=False), {}, {"messages": PICTURE}),
        (Condition(tools=True), {"tools": (Tool("t", "", {}),)}, {}),
        (Condition(structured=True), {"response_schema": {"type": "object"}}, {}),
        (Condition(most_tokens=100), {}, {"messages": (Message("user", "word " * 1_000),)}),
        (Condition(least_tokens=100), {"messages": (Message("user", "word " * 1_000),)}, {}),
    ],
)
def test_a_target_is_there_for_requests_of_its_condition(
    condition: Condition, fits: dict[str, Any], does_not: dict[str, Any]
) -> None:
    targets = [Target("special", condition=condition), Target("other")]
    assert names(in_order(targets, request(**fits))) == ["special", "other"]
    assert names(in_order(targets, request(**does_not))) == ["other"]


async def test_a_route_never_crosses_residency(one: OpenAIEmulator) -> None:
    configured = {
        "far": {"provider": "openai_compatible", "base_url": one.url, "region": "us"},
    }
    instances = build_instances(PluginHost.discover().llm_providers(), configured)
    with pytest.raises(ResidencyViolation):
        await ask(Gateway(instances, (), routes={"fast": [Target("far")]}), model="fast")
    assert not one.requests


@pytest.mark.parametrize("routes", [{"one": [Target("one")]}, {"a/b": []}, {"r": [Target("none")]}])
def test_a_route_that_could_not_be_followed_is_refused(
    one: OpenAIEmulator, routes: dict[str, list[Target]]
) -> None:
    with pytest.raises(SettingsError, match=r"llm\.routes"):
        gateway(one, routes=routes)


# --- again ------------------------------------------------------------------------------------


class Moody:
    """Raises each of its errors once, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.llm = FakeLLM(self._say)
        providers = {"fake": Provider("fake", build=lambda _: self.llm)}
        self.instances = build_instances(providers, {"fake": {}})

    def _say(self, request: GenerateRequest) -> str:
        if self._errors:
            raise self._errors.pop(0)
        return "Yes."

    @property
    def asked(self) -> int:
        return len(self.llm.requests)


DOWN = ProviderUnavailable("It is down.")


async def test_who_is_down_for_a_moment_is_asked_again() -> None:
    moody = Moody(DOWN)
    assert await ask(Gateway(moody.instances, ["fake"])) == "fake"
    assert moody.asked == 2


async def test_nobody_is_asked_again_more_often_than_told() -> None:
    moody = Moody(DOWN, DOWN, DOWN)
    with pytest.raises(ProviderUnavailable, match="It is down"):
        await ask(Gateway(moody.instances, ["fake"], retries=1))
    assert moody.asked == 2


@pytest.mark.parametrize("error", [ProviderTimeout("Slow."), ProviderRejected("No.")])
async def test_who_may_be_at_work_or_refused_is_not_asked_again(error: Exception) -> None:
    moody = Moody(error)
    with pytest.raises(type(error)):
        await ask(Gateway(moody.instances, ["fake"]), "fake")
    assert moody.asked == 1


async def test_an_answer_that_broke_off_is_not_begun_again() -> None:
    moody = Moody()
    moody.llm.reply, moody.llm.error, moody.llm.error_after = "One two three", DOWN, 2
    with pytest.raises(StreamInterrupted):
        await ask(Gateway(moody.instances, ["fake"]), "fake")
    assert moody.asked == 1


# --- left alone -------------------------------------------------------------------------------


async def test_who_failed_again_and_again_is_left_alone_and_the_error_says_why() -> None:
    moody = Moody(*[DOWN] * FAILURES)
    moodys = Gateway(moody.instances, ["fake"], retries=0)
    for _ in range(FAILURES):
        with pytest.raises(ProviderUnavailable):
            await ask(moodys, "fake")
    with pytest.raises(ProviderUnavailable, match=r"It is down\..*asked again in \d s"):
        await ask(moodys, "fake")
    assert moody.asked == FAILURES


async def test_that_its_models_are_listed_ends_that() -> None:
    moody = Moody(*[DOWN] * FAILURES)
    moodys = Gateway(moody.instances, ["fake"], retries=0)
    for _ in range(FAILURES):
        with pytest.raises(ProviderUnavailable):
            await ask(moodys, "fake")
    await moodys.models()
    assert await ask(moodys, "fake") == "fake"


def test_one_call_tries_and_the_others_wait_for_it() -> None:
    now = 0.0
    breaker = Breaker(failures=2, seconds=5.0, clock=lambda: now)
    breaker.failed(DOWN)
    breaker.require()
    breaker.failed(DOWN)
    with pytest.raises(ProviderUnavailable):
        breaker.require()
    now = 5.0
    breaker.require()
    with pytest.raises(ProviderUnavailable):
        breaker.require()
    breaker.succeeded()
    breaker.require()
    breaker.require()
