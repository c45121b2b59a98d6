"""What an operator configures for a showcase reaches its routes and jobs, or quarantines it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter, FastAPI
from pydantic import Field, field_validator

from baukasten_core.api import CurrentKit, Job, Kit, Showcase, ShowcaseOptions, hookimpl
from baukasten_core.app import create_app
from baukasten_core.background import job_handlers
from baukasten_core.contracts.auth import Principal
from baukasten_core.errors import PluginError, SettingsError
from baukasten_core.plugins import PluginHost
from baukasten_core.services import Services
from baukasten_core.settings import Settings
from baukasten_core.testing.fakes import FakeEmbedder
from baukasten_core.testing.fixtures_app import SignedIn, test_settings
from baukasten_core.testing.fixtures_db import DatabaseUrls

SHOWCASES = ("cv_matcher", "privategpt", "tellmelife")


class GreeterOptions(ShowcaseOptions):
    greeting: str = "Hello"
    most: int = Field(3, ge=1)

    @field_validator("greeting")
    @classmethod
    def _is_kind(cls, greeting: str) -> str:
        if greeting == "Go away":
            raise RuntimeError("how rude")
        return greeting


router = APIRouter()
greeted: list[str] = []


@router.get("/greeting")
async def greeting(kit: CurrentKit) -> str:
    return kit.options(GreeterOptions).greeting


async def greet(kit: Kit) -> None:
    greeted.append(kit.options(GreeterOptions).greeting)


def plugin(name: str = "greeter", options: type[ShowcaseOptions] = GreeterOptions) -> ModuleType:
    """A plugin as a library user has it in hand."""

    @hookimpl
    def register_showcase() -> Showcase:
        jobs = [Job(f"{name}.greet", greet)]
        return Showcase(name, {"en": name}, router, jobs=jobs, options=options)

    module = ModuleType(name)
    module.register_showcase = register_showcase  # type: ignore[attr-defined]
    return module


def discover(*modules: ModuleType, disabled: tuple[str, ...] = ()) -> PluginHost:
    return PluginHost.discover(disabled=[*SHOWCASES, *disabled], extra=modules)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(app_settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(app_settings, discover(plugin()), embedder=FakeEmbedder())
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture(scope="module")
def app_settings(database_urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    options = {"greeter": {"greeting": "Good morning"}}
    home = tmp_path_factory.mktemp("home")
    return test_settings(home, database_urls, plugins={"options": options})


async def test_a_route_reads_them(client: httpx.AsyncClient, user: SignedIn) -> None:
    response = await client.get("/greeter/greeting", headers=user.headers)
    assert response.json() == "Good morning"


async def test_a_job_reads_them(services: Services, tenant: Principal) -> None:
    await job_handlers(services)["greeter.greet"].run(tenant.scope)
    assert greeted == ["Good morning"]


def test_what_is_not_set_has_its_default() -> None:
    host = discover(plugin())
    host.configure({"greeter": {"greeting": "Hi"}})
    assert host.options(GreeterOptions) == GreeterOptions(greeting="Hi", most=3)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"gretting": "Hi"}, "unknown setting `plugins.options.greeter.gretting`; did you mean"),
        ({"most": 0}, "setting `plugins.options.greeter.most`: Input should be greater than"),
        ({"most": None, "x": 1}, "`plugins.options.greeter.most`: Input should be a valid integer"),
        ({"greeting": "Go away"}, "RuntimeError: how rude"),
    ],
)
def test_whom_they_do_not_fit_is_quarantined_with_the_key(
    options: dict[str, Any], reason: str
) -> None:
    host = discover(plugin(), plugin("second", ShowcaseOptions))
    host.configure({"greeter": options})
    assert reason in host.quarantined["greeter"]
    assert set(host.showcases()) == {"second"}


def test_options_of_no_showcase_are_an_error_that_names_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"`plugins\.options\.greter`.*mean `greeter`"):
        discover(plugin()).configure({"greter": {}})


def test_options_of_a_plugin_that_is_out_are_kept_for_its_return() -> None:
    host = discover(plugin(), disabled=("absent",))
    host.quarantine("greeter", "for a test")
    host.configure({"greeter": {"nonsense": 1}, "absent": {"x": 1}, "tellmelife": {"x": 1}})
    assert host.quarantined == {"greeter": "for a test"}


def test_two_showcases_can_not_have_the_same_options() -> None:
    host = discover(plugin(), plugin("later"))
    assert "`GreeterOptions` are another showcase's" in host.quarantined["later"]
    assert set(host.showcases()) == {"greeter"}


def test_options_that_nobody_registered_can_not_be_read() -> None:
    with pytest.raises(PluginError, match="GreeterOptions"):
        discover(plugin("second", ShowcaseOptions)).options(GreeterOptions)
