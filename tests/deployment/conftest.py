"""The real platform, started once by `baukasten up` and shared by every deployment test.

What it depends on is real, too, and on loopback: an SMTP server, and servers that speak the LLM
vendors' protocols.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml
from baukasten_serve import processes
from baukasten_serve.config import default_path
from baukasten_serve.testing import Platform, free_port

from baukasten_core.testing.emulators import AnthropicEmulator, OllamaEmulator, OpenAIEmulator
from baukasten_core.testing.inbox import Inbox
from baukasten_core.testing.people import Person
from tests.oidc.browser import SECRET, running_provider


@dataclass
class Around:
    """What the shared platform talks to."""

    inbox: Inbox
    ollama: OllamaEmulator
    anthropic: AnthropicEmulator
    openai: OpenAIEmulator
    abroad: OpenAIEmulator

    def environment(self) -> dict[str, str]:
        """The settings that lead there."""
        mail = {
            "host": self.inbox.host,
            "port": self.inbox.port,
            "security": "none",
            "sender": "Baukasten <platform@example.test>",
        }
        instances = {
            "ollama": {"provider": "ollama", "base_url": self.ollama.url},
            "anthropic": {
                "provider": "anthropic",
                "base_url": self.anthropic.url,
                "api_key": "emulated",
            },
            "grok": {"provider": "grok"},  # has no key
            "compatible": {"provider": "openai_compatible", "base_url": self.openai.url},
            "abroad": {
                "provider": "openai_compatible",
                "base_url": self.abroad.url,
                "region": "abroad",
            },
            "nobody_there": {"provider": "ollama", "base_url": f"http://127.0.0.1:{free_port()}"},
            "extractive": {"provider": "extractive"},
        }
        return {
            "BAUKASTEN_MAIL_PROVIDER": "smtp",
            "BAUKASTEN_MAIL_OPTIONS": json.dumps(mail),
            "BAUKASTEN_LLM_INSTANCES": json.dumps(instances),
            "BAUKASTEN_LLM_CHAIN": json.dumps(["ollama", "extractive"]),
            "BAUKASTEN_DOCUMENTS_MAX_UPLOAD_MIB": "2",
            "BAUKASTEN_JOBS_STALLED_SECONDS": "8",
            "BAUKASTEN_AUTH_REGISTRATIONS": "100000",
        }


@pytest.fixture(scope="session")
def around() -> Iterator[Around]:
    with ExitStack() as running:
        start = running.enter_context
        yield Around(
            inbox=start(Inbox()),
            ollama=start(OllamaEmulator()),
            anthropic=start(AnthropicEmulator(api_key="emulated")),
            openai=start(OpenAIEmulator()),
            abroad=start(OpenAIEmulator()),
        )


@pytest.fixture(scope="session")
def platform(around: Around) -> Iterator[Platform]:
    """The running platform. Tests share it: make users and projects of your own in it."""
    with Platform.temporary() as running, running_provider(running.url) as issuer:
        running.environment = {**around.environment(), **other_site(issuer)}
        running.config = two_api_replicas(running.home / "serve_config.yaml")
        yield running.start()
        # The promise of Ctrl-C, kept with whatever the tests left it doing.
        family = running.family()
        assert running.stop(signal.SIGINT) < 10
        assert running.wait() == 0
        assert [process for process in family if processes.is_alive(process)] == []


def other_site(issuer: str) -> dict[str, str]:
    """The setting by which one may sign in there."""
    site = {
        "issuer": issuer,
        "client_id": "confidential",
        "client_secret": SECRET,
        "title": "Our directory",
    }
    return {"BAUKASTEN_AUTH_OIDC": json.dumps({"confidential": site})}


def two_api_replicas(path: Path) -> Path:
    """The configuration that ships, with two replicas of `api`: what one of them knows, the other
    must know, too."""
    document = yaml.safe_load(default_path().read_text())
    (api,) = [each for each in document["applications"] if each["name"] == "api"]
    api["deployments"][0]["autoscaling_config"]["min_replicas"] = 2
    path.write_text(yaml.safe_dump(document))
    return path


# --- who uses it ----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def newcomer(platform: Platform) -> Iterator[Callable[..., Person]]:
    """Makes accounts, signed in."""
    with ExitStack() as open_:
        yield lambda **options: open_.enter_context(Person.register(platform.url, **options))


@pytest.fixture(scope="module")
def ada(newcomer: Callable[..., Person]) -> Person:
    """Somebody; a module's tests share them, so what they count is in a project of their own."""
    return newcomer()


@pytest.fixture(scope="module")
def bob(newcomer: Callable[..., Person]) -> Person:
    """Somebody else."""
    return newcomer()


@pytest.fixture(scope="session")
def admin(platform: Platform) -> Iterator[Person]:
    """The first admin, with the password that `baukasten up` printed."""
    with Person.known(platform.url, platform.admin_email, platform.admin_password) as found:
        yield found


@pytest.fixture(scope="session")
def anybody(platform: Platform) -> Iterator[httpx.Client]:
    """A client without a token."""
    with httpx.Client(base_url=platform.url, timeout=60) as client:
        yield client


# --- what it talks to -------------------------------------------------------------------------


@pytest.fixture
def inbox(around: Around) -> Inbox:
    return around.inbox


@pytest.fixture
def ollama(around: Around, admin: Person) -> Iterator[OllamaEmulator]:
    """The first of the chain, well-behaved at the beginning and at the end; and what it did before
    is forgiven, which it is when its models are listed."""
    around.ollama.reset()
    admin.get("/llm/models")
    around.ollama.reset()
    yield around.ollama
    around.ollama.reset()


@pytest.fixture
def anthropic(around: Around) -> Iterator[AnthropicEmulator]:
    around.anthropic.reset()
    yield around.anthropic
    around.anthropic.reset()


@pytest.fixture
def compatible(around: Around) -> Iterator[OpenAIEmulator]:
    around.openai.reset()
    yield around.openai
    around.openai.reset()


@pytest.fixture
def abroad(around: Around) -> Iterator[OpenAIEmulator]:
    """A server in a region where no tenant's data may go."""
    around.abroad.reset()
    yield around.abroad
    around.abroad.reset()


@pytest.fixture
def problem() -> Callable[..., dict[str, object]]:
    """Checks that an answer is a problem document (RFC 9457), and gives it."""

    def check(response: httpx.Response, status: int, detail: str | None = None) -> dict:
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/problem+json"
        body = response.json()
        assert body["status"] == status
        assert body["type"]
        assert body["title"]
        assert body["request_id"] == response.headers["x-request-id"]
        if detail is None:
            said = f"{body['detail']} {body.get('hint', '')}"
            assert len(said.split()) > 1, "a sentence a person can act on"
        else:
            assert body["detail"] == detail
        return dict(body)

    return check
