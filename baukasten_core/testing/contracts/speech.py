"""The suite of the speech contract.

class TestMine(SpeechContract):
    @pytest.fixture(scope="class")
    def provider(self) -> SpeechProvider:
        return MyProvider()

    @pytest.fixture(scope="class")
    def recording(self) -> Recording:
        return Recording(Path("hello.wav").read_bytes(), "audio/wav", "hello world", "en")
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

import pytest

from baukasten_core.contracts.speech import SpeechProvider, SpeechSegment
from baukasten_core.errors import ProviderRejected

NOISE = b"\xff\xfe\x00 no recording \x00\xff" * 50


@dataclass(frozen=True, slots=True)
class Recording:
    """Something that was said: `words` must be heard in it; more may be."""

    audio: bytes
    media_type: str
    words: str
    language: str


class SpeechContract:
    """What every speech provider promises."""

    @pytest.fixture(scope="class")
    def provider(self) -> SpeechProvider:
        """The provider under test."""
        raise NotImplementedError("give the fixture `provider`")

    @pytest.fixture(scope="class")
    def recording(self) -> Recording:
        """A few seconds of clear speech."""
        raise NotImplementedError("give the fixture `recording`")

    def test_is_a_provider_with_a_name(self, provider: SpeechProvider) -> None:
        assert isinstance(provider, SpeechProvider)
        assert provider.name == provider.name.lower() != ""

    async def test_what_was_said_is_heard(
        self, provider: SpeechProvider, recording: Recording
    ) -> None:
        for language in (None, recording.language):
            segments = await hear(provider, recording, language)
            assert words_of(recording.words) <= words_of(" ".join(s.text for s in segments))

    async def test_segments_come_in_order_of_time(
        self, provider: SpeechProvider, recording: Recording
    ) -> None:
        segments = await hear(provider, recording)
        assert all(isinstance(segment, SpeechSegment) for segment in segments)
        assert all(0 <= segment.start <= segment.end for segment in segments)
        assert [s.start for s in segments] == sorted(segment.start for segment in segments)
        assert all(segment.text.strip() for segment in segments)

    @pytest.mark.parametrize("audio", [b"", NOISE], ids=["empty", "noise"])
    async def test_what_is_no_recording_is_refused(
        self, provider: SpeechProvider, recording: Recording, audio: bytes
    ) -> None:
        with pytest.raises(ProviderRejected):
            await hear(provider, Recording(audio, recording.media_type, "", "en"))

    async def test_a_format_that_can_not_be_read_is_refused(self, provider: SpeechProvider) -> None:
        with pytest.raises(ProviderRejected):
            await hear(provider, Recording(NOISE, "application/x-nothing", "", "en"))

    async def test_who_stops_listening_disturbs_nobody(
        self, provider: SpeechProvider, recording: Recording
    ) -> None:
        segments = provider.transcribe(recording.audio, recording.media_type)
        async with aclosing(cast("AsyncGenerator[SpeechSegment, None]", segments)) as heard:
            assert await anext(heard)
        assert await hear(provider, recording)

    async def test_callers_at_the_same_time_each_get_their_text(
        self, provider: SpeechProvider, recording: Recording
    ) -> None:
        expected = await hear(provider, recording)
        heard = await asyncio.gather(*(hear(provider, recording) for _ in range(3)))
        assert [[s.text for s in segments] for segments in heard] == [
            [segment.text for segment in expected]
        ] * 3


async def hear(
    provider: SpeechProvider, recording: Recording, language: str | None = None
) -> list[SpeechSegment]:
    """All of a recording's segments."""
    segments = provider.transcribe(recording.audio, recording.media_type, language=language)
    return [segment async for segment in segments]


def words_of(text: str) -> set[str]:
    """The words of a text, small."""
    return set(re.findall(r"\w+", text.lower()))
