"""A showcase has recordings transcribed: by the provider that is named, where the data may go."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from baukasten_core.assembly import open_services
from baukasten_core.contracts.auth import Principal
from baukasten_core.contracts.provider import Provider, ProviderConfig
from baukasten_core.errors import (
    NotFound,
    ProviderNotConfigured,
    ResidencyViolation,
    SettingsError,
)
from baukasten_core.hookspecs import hookimpl
from baukasten_core.kit import Kit
from baukasten_core.plugins import PluginHost
from baukasten_core.testing.fakes import FakeEmbedder, FakeSpeech
from baukasten_core.testing.fixtures_app import test_settings as settings_of
from baukasten_core.testing.fixtures_db import DatabaseUrls

SHOWCASES = ("cv_matcher", "privategpt", "tellmelife")


class FarConfig(ProviderConfig):
    region: str | None = None


def plugin() -> ModuleType:
    module = ModuleType("hears")

    @hookimpl
    def register_speech_providers() -> Any:
        here = Provider("here", lambda _: FakeSpeech(), in_process=True)
        return [here, Provider("far", lambda _: FakeSpeech(), FarConfig)]

    setattr(module, register_speech_providers.__name__, register_speech_providers)
    return module


def opened(home: Path, urls: DatabaseUrls, **speech: Any) -> Any:
    host = PluginHost.discover(disabled=SHOWCASES, extra=[plugin()])
    return open_services(settings_of(home, urls, speech=speech), host, embedder=FakeEmbedder())


async def heard(kit: Kit, **options: Any) -> list[str]:
    segments = kit.transcribe(b"Good morning.\nHow are you?", "audio/wav", **options)
    return [segment.text async for segment in segments]


async def test_a_showcase_gets_what_was_said(
    tmp_path: Path, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    async with opened(tmp_path, database_urls, provider="here") as services:
        assert await heard(Kit(services, tenant)) == ["Good morning.", "How are you?"]


async def test_where_nobody_is_named_it_says_how_to_name_one(
    tmp_path: Path, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    async with opened(tmp_path, database_urls) as services:
        with pytest.raises(ProviderNotConfigured) as caught:
            await heard(Kit(services, tenant))
    assert "speech.provider" in (caught.value.hint or "")


async def test_a_name_that_nobody_registered_is_an_error_that_lists_the_known(
    tmp_path: Path, database_urls: DatabaseUrls
) -> None:
    with pytest.raises(SettingsError, match=r"speech\.provider.*`nobody`; installed: far, here"):
        async with opened(tmp_path, database_urls, provider="nobody"):
            pass


@pytest.mark.parametrize("options", [{}, {"region": "us"}], ids=["undeclared", "elsewhere"])
async def test_no_recording_goes_where_it_may_not(
    tmp_path: Path,
    database_urls: DatabaseUrls,
    tenant: Principal,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, str],
) -> None:
    received: list[bytes] = []
    monkeypatch.setattr(
        FakeSpeech, "transcribe", lambda _, audio, *__, **___: received.append(audio)
    )
    async with opened(tmp_path, database_urls, provider="far", options=options) as services:
        with pytest.raises(ResidencyViolation):
            await heard(Kit(services, tenant))
    assert received == []


async def test_a_project_of_somebody_else_is_not_there(
    tmp_path: Path, database_urls: DatabaseUrls, tenant: Principal
) -> None:
    options = {"region": "us"}
    async with opened(tmp_path, database_urls, provider="far", options=options) as services:
        with pytest.raises(NotFound):
            await heard(Kit(services, tenant), project_id=tenant.user_id)
