"""What the contract asks of a provider's stream, written once: around every provider, so that its
author need not keep time; and estimates for servers that count no tokens."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from baukasten_core.contracts.llm import Event, Finished, GenerateRequest
from baukasten_core.errors import ProviderTimeout, ProviderUnavailable, StreamInterrupted

CHARACTERS_PER_TOKEN = 3.5
"""A careful mean over English, German and Spanish."""


async def checked_stream(
    events: AsyncGenerator[Event, None],
    *,
    seconds: float,
    name: str,
    first_seconds: float | None = None,
) -> AsyncGenerator[Event, None]:
    """`events`, held to the contract of `LLMProvider.generate`.

    After `seconds` in all it ends with ProviderTimeout, or with StreamInterrupted when output had
    come; after `first_seconds` without any with ProviderTimeout. A ProviderUnavailable after the
    first output becomes StreamInterrupted, and so does a stream that ends without `Finished`.
    Closing this closes `events`.
    """
    now = asyncio.get_running_loop().time()
    first = seconds if first_seconds is None else min(seconds, first_seconds)
    deadline, started = now + first, False
    async with aclosing(events):
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    event = await anext(events, None)
            except TimeoutError:
                raise _unfinished(name, seconds) if started else _late(name, first) from None
            except ProviderUnavailable as error:
                raise _broken(name) if started else error from None
            if event is None:
                raise _broken(name) if started else _silent(name)
            deadline, started = now + seconds, True
            yield event
            if isinstance(event, Finished):
                return


def _unfinished(name: str, seconds: float) -> StreamInterrupted:
    return StreamInterrupted(
        f"{name} did not finish its answer within {seconds:g} s; what came is incomplete.",
        hint="Allow a longer `timeout`, or ask for fewer tokens.",
    )


def _late(name: str, seconds: float) -> ProviderTimeout:
    return ProviderTimeout(
        f"{name} did not begin to answer within {seconds:g} s.",
        hint="Allow a longer `timeout`, or a longer `first_token_timeout` of the instance.",
    )


def _broken(name: str) -> StreamInterrupted:
    return StreamInterrupted(f"{name} broke off in the middle of its answer; ask again.")


def _silent(name: str) -> ProviderUnavailable:
    return ProviderUnavailable(f"{name} closed the connection without an answer.")


def estimate_tokens(texts: Iterable[str]) -> int:
    """About how many tokens these texts have, for servers that do not say."""
    return math.ceil(sum(len(text) for text in texts) / CHARACTERS_PER_TOKEN)


def prompt_tokens(request: GenerateRequest) -> int:
    """About how many tokens the request's messages have."""
    return estimate_tokens(message.content for message in request.messages)
