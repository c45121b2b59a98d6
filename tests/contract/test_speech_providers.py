"""The fake through the contract suite: no speech provider ships yet."""

from __future__ import annotations

import pytest

from baukasten_core.contracts.speech import SpeechProvider
from baukasten_core.testing.contracts.speech import Recording, SpeechContract
from baukasten_core.testing.fakes import FakeSpeech


class TestFake(SpeechContract):
    @pytest.fixture(scope="class")
    def provider(self) -> SpeechProvider:
        return FakeSpeech()

    @pytest.fixture(scope="class")
    def recording(self) -> Recording:
        return Recording(b"Good morning.\nHow are you?", "audio/wav", "good morning you", "en")
