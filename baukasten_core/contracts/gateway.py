"""The LLM gateway: what every call to a language model passes through.

It chooses the instance and model, guards residency, falls back, and records usage. An
application holds it in process or by a handle to another process, so everything here is plain,
frozen and picklable.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable
from uuid import UUID

from baukasten_core.contracts.llm import (
    Event,
    Finished,
    GenerateRequest,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from baukasten_core.errors import StreamInterrupted

LOCAL = frozenset({"local"})
"""The residency nobody has to declare: data stays on this machine."""


@dataclass(frozen=True, slots=True)
class GatewayCall:
    """One request to the gateway, and on whose behalf.

    Attributes:
        request: as for a provider, except that `model` may be empty: then the gateway takes the
            instance's configured model, else the first it lists.
        instance: a configured instance's name, in any case; None asks the configured chain.
        tenant_id, user_id, project_id, api_key_id: for usage and audit entries; None in a bare
            program.
        residency: regions where this data may be processed (the tenant's, narrowed by the
            project's).
        route: the route that led here; the gateway's own to fill in.
        traceparent: the trace that it belongs to, as W3C writes it; empty for none.
    """

    request: GenerateRequest
    instance: str | None = None
    tenant_id: UUID | None = None
    user_id: UUID | None = None
    project_id: UUID | None = None
    residency: frozenset[str] = LOCAL
    api_key_id: UUID | None = None
    route: str = ""
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Routed:
    """The first event of every answer: who gives it. Sent when its first piece is there, so no
    other instance will be tried after it.

    `model` is the model that was asked for; `Finished.model` is what the provider says answered.
    """

    instance: str
    provider: str
    model: str
    region: str


GatewayEvent = Routed | Event


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model that an instance lists now.

    `region` is where it is processed, `undeclared` when nobody said. `allowed` tells whether the
    residency that was asked about lets data go there.
    """

    name: str
    instance: str
    provider: str
    region: str
    description: str = ""
    context: int | None = None
    hosted: bool = False
    allowed: bool = True
    loaded: bool | None = None


@dataclass(frozen=True, slots=True)
class UnavailableInstance:
    """An instance that lists nothing, and why, in a sentence."""

    instance: str
    provider: str
    kind: Literal["down", "not_configured", "residency"]
    reason: str


@dataclass(frozen=True, slots=True)
class ModelListing:
    """What can be asked now, in the order of the configuration."""

    models: tuple[ListedModel, ...] = ()
    unavailable: tuple[UnavailableInstance, ...] = ()


@runtime_checkable
class LLMGateway(Protocol):
    """Routes calls to configured instances of providers."""

    async def models(
        self, residency: frozenset[str] = LOCAL, instance: str | None = None
    ) -> ModelListing:
        """The models of every instance, or of one, asked live. An instance outside `residency`
        is not contacted.

        Raises `errors.BadRequest` for an unknown instance; one that does not answer is listed as
        unavailable.
        """
        ...

    async def context(self, call: GatewayCall) -> int | None:
        """The tokens that prompt and answer may have together at the model that `generate` would
        ask first; None where its server does not say, and where nobody can be asked. Of the call
        nothing is sent.

        Raises `errors.BadRequest` for an unknown instance.
        """
        ...

    def generate(self, call: GatewayCall) -> AsyncIterator[GatewayEvent]:
        """`Routed`, then the provider's deltas, then one `Finished`. Closing the iterator ends
        the provider's work.

        Raises (while iterating):
            BadRequest: an unknown instance; `detail` lists the known.
            ProviderNotConfigured: the named instance has no key.
            ModelNotFound: `detail` lists what is there and how to get more.
            ResidencyViolation: data would leave `call.residency`; nothing was sent.
            ProviderUnavailable, ProviderTimeout: nobody in the chain answers; nothing came yet.
            ProviderRejected: the provider refuses this request.
            StreamInterrupted: the answer broke off after `Routed`.
        """
        ...

    def pull(self, model: str, instance: str | None = None) -> AsyncIterator[tuple[int, int]]:
        """Have an instance fetch a model, by default the first that can; yields (bytes done, bytes
        in all) of the part that is fetched now.

        Raises what `PullingProvider.pull` does, and BadRequest for an instance that can't.
        """
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, collected from its events."""

    text: str
    routed: Routed
    finished: Finished
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[Mapping[str, Any], ...] = ()

    @property
    def usage(self) -> Usage:
        return self.finished.usage


async def collect(events: AsyncIterator[GatewayEvent]) -> Answer:
    """The whole answer; raises what iterating raises, and StreamInterrupted when it has no end."""
    return collected([event async for event in events])


def collected(events: Sequence[GatewayEvent]) -> Answer:
    """The answer that these events make; raises StreamInterrupted when it has no end."""
    routed = next((event for event in events if isinstance(event, Routed)), None)
    last = events[-1] if events else None
    if routed is None or not isinstance(last, Finished):
        raise StreamInterrupted("the model's answer broke off before its end; ask again")
    pieces = [event for event in events if isinstance(event, TextDelta)]
    return Answer(
        "".join(piece.text for piece in pieces),
        routed,
        last,
        tuple(event.call for event in events if isinstance(event, ToolCallDelta)),
        tuple(one for piece in pieces for one in piece.logprobs),
    )


def events_of(answer: Answer) -> Iterator[GatewayEvent]:
    """The events of an answer that is there already."""
    yield answer.routed
    if answer.text:
        yield TextDelta(answer.text, answer.logprobs)
    for call in answer.tool_calls:
        yield ToolCallDelta(call)
    yield answer.finished
