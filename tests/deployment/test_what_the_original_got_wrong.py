"""The contract's last table: what the original got wrong, and this does not."""

from __future__ import annotations

import http.server
import os
import re
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from baukasten_serve.testing import Platform

from baukasten_core.testing.emulators import OllamaEmulator, Reply
from baukasten_core.testing.inbox import Inbox
from baukasten_core.testing.people import PASSWORD, Person

pytestmark = pytest.mark.deployment

Problem = Callable[..., dict]
Newcomer = Callable[..., Person]


def test_nobody_makes_itself_admin_at_sign_up(platform: Platform, problem: Problem) -> None:
    person = Person.stranger(platform.url)
    roles = {"is_active": False, "is_superuser": True, "is_verified": True, "is_admin": True}
    body = {"email": person.email, "password": PASSWORD, **roles}
    made = person.post("/auth/register", body, 201).json()
    assert made["is_active"]
    assert not (made["is_admin"])
    assert not (made["is_superuser"])
    assert not (made["is_verified"])
    person.sign_in()
    problem(person.get("/admin/stats", None), 403, "Admin privileges required")


def test_logout_ends_the_token_at_once_on_every_replica_and_application(
    newcomer: Newcomer,
) -> None:
    """`/` (two replicas), `/v1` and `/v1/embeddings` are processes of their own."""
    person = newcomer()

    def use(status: int) -> None:
        for _ in range(8):
            person.get("/auth/me", status)
        person.get("/v1/models", status)
        person.post("/v1/embeddings", {"input": "x", "model": ""}, status)

    use(200)
    person.post("/auth/logout", status=204)
    use(401)


@pytest.mark.parametrize("password", ["p" * 100, "ü" * 512, "p" * 1024])
def test_a_password_is_not_cut_at_72_bytes(platform: Platform, password: str) -> None:
    person = Person.register(platform.url, password=password)
    form = {"username": person.email, "password": password[:-1] + "x"}
    person.call("POST", "/auth/login", 400, data=form)
    form["password"] = password[:72]
    person.call("POST", "/auth/login", 400, data=form)
    person.sign_in()


@pytest.mark.parametrize("password", ["p" * 1025, "ü" * 513])
def test_a_password_over_1024_bytes_is_422(
    platform: Platform, ada: Person, inbox: Inbox, password: str
) -> None:
    person = Person.stranger(platform.url)
    body = {"email": person.email, "password": password}
    person.post("/auth/register", body, 422)
    ada.patch("/users/me", {"password": password}, 422)
    person.post("/auth/reset-password", {"token": "x", "password": password}, 422)


def test_no_document_gets_into_a_project_of_another_user(
    ada: Person, bob: Person, problem: Problem
) -> None:
    project = ada.project("privategpt")
    body = {"content": "Smuggled in.", "project_id": project}
    problem(bob.post("/documents/text", body, None), 404)
    problem(bob.upload("smuggled.txt", b"Smuggled in.", None, project_id=project), 404)
    body = {"url": "http://example.com/", "project_id": project}
    problem(bob.post("/documents/url", body, None), 404)
    assert ada.get(f"/documents?project_id={project}").json() == []


# --- scraping -----------------------------------------------------------------------------------


@contextmanager
def listening() -> Iterator[tuple[int, list[str]]]:
    """A web server on loopback, and what it was asked for."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<p>What only this machine may see.</p>")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], seen
        server.shutdown()


def test_scraping_reaches_nothing_on_this_machine(ada: Person, problem: Problem) -> None:
    with listening() as (port, seen):
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
        names = ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1"]
        for name in [*names, socket.gethostname()]:
            for url in (f"http://{name}:{port}/secret", f"http://{name}/secret"):
                problem(ada.post("/documents/url", {"url": url}, None), 422)
        project = ada.project("cv_matcher")
        body = {"url": f"http://127.0.0.1:{port}/secret"}
        problem(ada.post(f"/cv_matcher/projects/{project}/job", body, None), 422)
    assert seen == ["/"]


# --- uploads ------------------------------------------------------------------------------------


def test_the_upload_limit_holds_while_the_file_is_still_streaming(
    ada: Person, platform: Platform
) -> None:
    """The answer comes before the file has ended: nobody waits for the rest of it."""
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    head = (
        "POST /documents/upload HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: {ada.http.headers['Authorization']}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", platform.port), timeout=30) as connection:
        connection.sendall(head.encode() + form)
        for _ in range(8):
            connection.sendall(b"word " * (2**20 // 5))
        answer = connection.recv(2**16).decode()
    assert answer.startswith("HTTP/1.1 413 ")


def test_a_body_over_the_limit_is_413(ada: Person, problem: Problem) -> None:
    content = b'{"content": "' + b"x" * (65 * 2**20) + b'"}'
    headers = {"Content-Type": "application/json"}
    answer = ada.call("POST", "/documents/text", None, content=content, headers=headers)
    assert "64 MiB" in problem(answer, 413)["detail"]


# --- search -------------------------------------------------------------------------------------


def test_search_is_not_taken_for_the_id_of_a_document(ada: Person) -> None:
    found = ada.get("/documents/search", params={"query": "anything at all"})
    assert isinstance(found.json(), list)


def test_a_long_document_has_many_chunks_and_the_right_passage_is_found(ada: Person) -> None:
    project = ada.project()
    filler = " ".join(f"Paragraph {n} is about bread and nothing else." for n in range(1200))
    content = f"{filler} The lighthouse keeper counts ships at dusk. {filler[::-1][:100]}"
    document = ada.ready(ada.text(content, project))
    assert document["chunks_done"] > 40
    query = {"query": "who counts ships at dusk?", "project_id": project}
    (found,) = ada.post("/documents/search", query).json()
    best = max(found["chunks"], key=lambda chunk: chunk["score"])
    assert "lighthouse keeper counts ships" in best["text"]
    assert found["score"] > 0.5


# --- language models ----------------------------------------------------------------------------


def prompts(server: OllamaEmulator) -> list[str]:
    chats = [request for request in server.requests if request.path == "/api/chat"]
    return [str(chat.json()["messages"]) for chat in chats]


def test_a_prompt_over_2000_characters_arrives_whole(ada: Person, ollama: OllamaEmulator) -> None:
    prompt = " ".join(f"word{n}" for n in range(3000))
    ada.post("/llm/generate", {"prompt": prompt})
    assert any(prompt in sent for sent in prompts(ollama))


def test_a_long_cv_is_compared_whole(ada: Person, ollama: OllamaEmulator) -> None:
    project = ada.project("cv_matcher")
    base = f"/cv_matcher/projects/{project}"
    job = "Requirements:\n- Fluent in Esperanto\n"
    ada.post(f"{base}/job", {"text": job, "method": "extractive"}, 201)
    history = " ".join(f"In year {n} worked in workshop {n} on pumps." for n in range(400))
    body = {"texts": [{"title": "Long", "content": f"{history} Fluent in Esperanto."}]}
    (candidate,) = ada.post(f"{base}/candidates", body, 201).json()
    ada.ready({"id": candidate["document_id"]})
    ada.post(f"{base}/rank", {"method": "extractive"}, 202)
    (row,) = finished(ada, base)["candidates"]
    assert row["score"] == 1
    assert row["requirements"][0]["evidence"][0]["start"] > 10_000


def test_an_answer_that_can_not_be_parsed_is_failed_and_has_no_score(
    ada: Person, ollama: OllamaEmulator
) -> None:
    project = ada.project("cv_matcher")
    base = f"/cv_matcher/projects/{project}"
    ada.post(f"{base}/job", {"text": "Requirements:\n- Python\n", "method": "extractive"}, 201)
    body = {"texts": [{"title": "CV", "content": "Ten years of experience with Python."}]}
    (candidate,) = ada.post(f"{base}/candidates", body, 201).json()
    ada.ready({"id": candidate["document_id"]})
    ollama.reply = Reply("I would say about fifty percent, but this is no JSON.")
    ada.post(f"{base}/rank", {"method": "llm", "provider": "ollama"}, 202)
    ranking = finished(ada, base)
    (row,) = ranking["candidates"]
    assert (ranking["status"], row["status"]) == ("failed", "failed")
    assert (row["score"], row["rank"]) == (None, None)
    assert row["error"]


def finished(person: Person, base: str) -> dict:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ranking = person.get(f"{base}/ranking").json()
        if ranking["status"] != "running":
            return dict(ranking)
        time.sleep(0.2)
    raise AssertionError("still running")


def test_an_optional_service_that_is_down_degrades_and_health_says_so(
    platform: Platform, ada: Person, anybody: httpx.Client, ollama: OllamaEmulator
) -> None:
    """A model's server is gone, then the gateway does not answer any more; everything that needs
    no language model goes on."""

    def until(condition: Callable[[set[tuple[str, str]]], bool]) -> None:
        """Until it holds for what is degraded. Each replica keeps its answer for some seconds."""
        deadline = time.monotonic() + 60
        while True:
            answer = anybody.get("/health")
            assert answer.status_code == 200
            rows = [row for row in answer.json()["components"] if row["status"] == "degraded"]
            assert all(row["reason"] for row in rows)
            assert answer.json()["status"] == ("degraded" if rows else "healthy")
            if condition({(row["kind"], row["name"]) for row in rows}):
                return
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.2)

    until(lambda degraded: not degraded)
    with ollama.down():
        until(lambda degraded: degraded == {("provider", "ollama")})
    until(lambda degraded: not degraded)
    (gateway,) = platform.replicas("gateway")
    gateway.suspend()
    try:
        until(lambda degraded: ("application", "gateway") in degraded)
        ada.ready(ada.text("Works all the same.", ada.project()))
    finally:
        gateway.resume()
    until(lambda degraded: not degraded)


def test_slow_calls_do_not_block_the_others(ada: Person, ollama: OllamaEmulator) -> None:
    """While models answer slowly, more of them than there are replicas and threads for it."""
    ollama.faults.first_delay = 3.0
    slow = [
        threading.Thread(
            target=ada.post, args=("/llm/generate", {"prompt": "Take your time", "timeout": 30})
        )
        for _ in range(12)
    ]
    for thread in slow:
        thread.start()
    while len(prompts(ollama)) < len(slow):
        time.sleep(0.05)
        assert any(thread.is_alive() for thread in slow)
    answered = 0
    while any(thread.is_alive() for thread in slow):
        ada.get("/projects")
        answered += all(thread.is_alive() for thread in slow)
    assert answered >= 5


# --- secrets ------------------------------------------------------------------------------------


def test_secrets_are_generated_on_first_run_for_the_owner_alone(platform: Platform) -> None:
    path = platform.home / "secrets.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(platform.home.stat().st_mode) & 0o007 in (0, 0o001)  # postgres may pass
    assert len(platform.admin_password) >= 16


def test_production_refuses_a_missing_or_default_secret(tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("BAUKASTEN_", "RAY_"))}
    base = {**kept, "BAUKASTEN_HOME": str(tmp_path), "BAUKASTEN_MODE": "production"}
    missing = up(base)
    assert missing.returncode != 0
    assert "BAUKASTEN_AUTH_TOKEN_KEY" in missing.stderr
    weak = up(
        {
            **base,
            "BAUKASTEN_AUTH_TOKEN_KEY": "changeme",
            "BAUKASTEN_DATABASE_APP_PASSWORD": "x" * 40,
            "BAUKASTEN_DATABASE_EMBEDDED_PASSWORD": "y" * 40,
        }
    )
    assert weak.returncode != 0
    assert "BAUKASTEN_AUTH_TOKEN_KEY" in weak.stderr
    assert "changeme" not in weak.stderr


def up(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "baukasten_serve", "up"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


# --- languages ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "question", "begins"),
    [
        ("en", "Who won the chess championship in the year of the comet?", "This is not in"),
        ("de", "Wer gewann die Schachmeisterschaft im Jahr des Kometen?", "Dazu steht nichts"),
        ("es", "¿Quién ganó el campeonato de ajedrez en el año del cometa?", "Esto no está"),
    ],
)
def test_the_answer_follows_the_language_of_the_question(
    ada: Person, language: str, question: str, begins: str
) -> None:
    project = ada.project("privategpt")
    ada.ready(ada.text("Die Pumpe wird montags geprüft.", project))
    answer = ada.post(f"/privategpt/projects/{project}/ask", {"question": question}).json()
    assert answer["language"] == language
    assert answer["answer"].startswith(begins)


@pytest.mark.parametrize(("language", "words"), [("de", "Kapitel|Inhalt|Eintr"), ("es", "entrada")])
def test_an_error_of_a_showcase_is_in_the_language_of_the_person(
    newcomer: Newcomer, language: str, words: str
) -> None:
    person = newcomer()
    person.patch("/users/me", {"language": language})
    project = person.project("tellmelife")
    answer = person.post(f"/tellmelife/projects/{project}/book", None, 422)
    assert re.search(words, answer.json()["detail"]), answer.text
