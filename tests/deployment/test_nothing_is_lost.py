"""Real faults under load: a database, an embedder, a worker, a language model that fail. What was
promised is kept, what can't be done is said, and no replica has to be started again for it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from baukasten_serve import processes
from baukasten_serve.testing import Platform

from baukasten_core.testing.emulators import OllamaEmulator, OpenAIEmulator, Reply
from baukasten_core.testing.people import Person

pytestmark = pytest.mark.deployment

Problem = Callable[..., dict]


def until(condition: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come back"
        time.sleep(0.2)


def is_whole(client: httpx.Client) -> bool:
    """Every application answers."""
    body = client.get("/health").json()
    rows = [row["status"] for row in body.get("components", ()) if row["kind"] == "application"]
    return body.get("database") == "up" and rows == ["ready"] * 3


@pytest.fixture(autouse=True)
def _whole(anybody: httpx.Client) -> Iterator[None]:
    """Each test finds a whole platform and leaves one."""
    until(lambda: is_whole(anybody))
    yield
    until(lambda: is_whole(anybody))


# --- PostgreSQL -----------------------------------------------------------------------------------


def postmaster(platform: Platform) -> psutil.Process:
    path = platform.home / "postgres/data/postmaster.pid"
    return psutil.Process(int(path.read_text().splitlines()[0]))


def started_anew(platform: Platform, before: psutil.Process) -> bool:
    with suppress(OSError, IndexError, ValueError, psutil.NoSuchProcess):
        return postmaster(platform).pid != before.pid
    return False


@contextmanager
def database_down(platform: Platform) -> Iterator[None]:
    """PostgreSQL stopped, and `baukasten up` held so that it does not start it again."""
    server = postmaster(platform)
    os.kill(platform.pid, signal.SIGSTOP)
    try:
        server.send_signal(signal.SIGINT)  # its fast shutdown
        until(lambda: not processes.is_alive(server), 20)
        yield
    finally:
        os.kill(platform.pid, signal.SIGCONT)


def test_a_database_that_stops_while_requests_run_is_503_and_then_all_is_normal(
    platform: Platform, ada: Person, anybody: httpx.Client, problem: Problem
) -> None:
    before = set(platform.replicas())
    project = ada.project()
    ada.ready(ada.text("Written before the fault.", project))
    answers: list[httpx.Response] = []
    ending = threading.Event()

    def use() -> None:
        with httpx.Client(base_url=platform.url, headers=ada.http.headers, timeout=60) as client:
            number = 0
            while not ending.is_set():
                number += 1
                body = {"content": f"{threading.get_ident()} {number}", "project_id": project}
                answers.append(client.get("/projects"))
                answers.append(client.post("/documents/text", json=body))

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(answers) > 8)
    with database_down(platform):
        down = problem(ada.get("/projects", None), 503)
        assert down["type"] == "/problems/database-unavailable"
        # Each of the two replicas remembers its last look for a few seconds.
        until(lambda: anybody.get("/health").json()["status"] == "unhealthy", 15)
        for method, path in (("GET", "/auth/me"), ("GET", "/v1/models"), ("POST", "/auth/login")):
            answer = ada.call(method, path, None, data={"username": "a@b.c", "password": "x"})
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["retry-after"]) > 0
        seen = len(answers)
        until(lambda: len(answers) > seen + 8)
    until(lambda: ada.get("/projects", None).status_code == 200, 30)
    seen = len(answers)
    until(lambda: len(answers) > seen + 8)
    ending.set()
    for thread in threads:
        thread.join(60)
    assert {answer.status_code for answer in answers} == {200, 201, 503}
    for answer in answers:
        if answer.status_code == 503:
            problem(answer, 503)
            assert int(answer.headers["retry-after"]) > 0
    assert set(platform.replicas()) == before
    # What was answered 201 is there, and everything that is there becomes ready.
    made = {a.json()["id"] for a in answers if a.status_code == 201}
    there = {
        row["id"]
        for page in ada.pages(f"/documents?project_id={project}&limit=100")
        for row in page
    }
    assert made <= there
    for document_id in there:
        ada.ready({"id": document_id})


def test_a_database_that_is_killed_comes_back_with_everything(
    platform: Platform, ada: Person
) -> None:
    before = set(platform.replicas())
    project = ada.project()
    made = [ada.text(f"Kept, number {n}. " * 50, project) for n in range(5)]
    killed = postmaster(platform)
    killed.kill()
    # Its children answer until they notice, so an answer alone proves nothing.
    until(lambda: started_anew(platform, killed), 60)
    until(lambda: ada.get("/projects", None).status_code == 200, 60)
    for document in made:
        ada.ready(document)
    assert set(platform.replicas()) == before


# --- the worker, the embedder ---------------------------------------------------------------------

CHUNKS = 12


def texts(count: int) -> list[str]:
    sentence = "Item {} of list {} names the part {} which stands on the shelf number {}."
    return [
        "\n\n".join(
            " ".join(sentence.format(n, number, n * number, n + number) for n in range(at, at + 11))
            for at in range(0, CHUNKS * 11, 11)
        )
        for number in range(count)
    ]


def counted(platform: Platform, project: str) -> list[dict[str, Any]]:
    """What the database holds of each document: chunks, their numbers, vectors, terms."""
    with psycopg.connect(platform.owner_url(), row_factory=psycopg.rows.dict_row) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = 'core' AND table_name LIKE 'vectors\\_%'"
        ).fetchall()
        vectors = " + ".join(
            f"(SELECT count(*) FROM core.{row['table_name']} v WHERE v.document_id = d.id)"
            for row in tables
        )
        return connection.execute(
            "SELECT d.id, d.status, d.chunk_count, d.chunk_total, d.term_count,"
            " (SELECT count(*) FROM core.chunks c WHERE c.document_id = d.id) AS chunks,"
            " (SELECT count(DISTINCT c.ordinal) FROM core.chunks c WHERE c.document_id = d.id)"
            f"  AS ordinals, {vectors} AS vectors"
            " FROM core.documents d WHERE d.project_id = %s",
            [project],
        ).fetchall()


def load(person: Person, project: str, contents: list[str]) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda content: person.text(content, project), contents))


def check_whole(platform: Platform, person: Person, project: str, count: int) -> None:
    for page in person.pages(f"/documents?project_id={project}&limit=100"):
        for document in page:
            person.ready(document)
    rows = counted(platform, project)
    assert len(rows) == count
    assert sum(row["chunk_count"] for row in rows) >= (count - 1) * CHUNKS / 2
    for row in rows:
        parts = row["chunks"], row["ordinals"], row["vectors"], row["chunk_total"]
        assert set(parts) == {row["chunk_count"]}, row


def test_a_worker_killed_in_the_middle_of_a_load_loses_nothing_and_doubles_nothing(
    platform: Platform, ada: Person
) -> None:
    project = ada.project()
    documents = load(ada, project, texts(40))
    until(lambda: ready(ada, project) >= 2)
    (worker,) = platform.replicas("worker")
    worker.kill()
    assert ready(ada, project) < len(documents)  # or nothing was interrupted
    check_whole(platform, ada, project, len(documents))
    assert worker not in platform.replicas("worker")


def test_an_embedder_killed_in_the_middle_of_a_load_loses_nothing(
    platform: Platform, ada: Person, problem: Problem
) -> None:
    project = ada.project()
    ada.ready(ada.text("The grey heron waits for fish in shallow water.", project))
    documents = load(ada, project, texts(12))
    (embedder,) = platform.replicas("embedder")
    embedder.kill()
    query = {"query": "which bird waits for fish", "project_id": project}
    statuses = []
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        answer = ada.post("/documents/search", query, None)
        statuses.append(answer.status_code)
        if answer.status_code == 200:
            if set(platform.replicas("embedder")) - {embedder}:
                break
            continue
        problem(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
    assert statuses[-1] == 200
    assert "grey heron" in answer.json()[0]["content"]
    check_whole(platform, ada, project, len(documents) + 1)


@pytest.mark.slow  # a thousand documents take minutes
def test_a_thousand_documents_outlive_a_killed_worker_embedder_and_database(
    platform: Platform, ada: Person
) -> None:
    ada.sign_in()  # its token must last
    project = ada.project()
    short = [f"Sheet {n}: part {n * 7} goes to shelf {n % 90}, row {n % 13}." for n in range(980)]
    contents = [*texts(20), *short]
    faults = [
        lambda: platform.replicas("worker")[0].kill(),
        lambda: platform.replicas("embedder")[0].kill(),
        lambda: postmaster(platform).kill(),
    ]
    with ThreadPoolExecutor(4) as pool:
        loading = [pool.submit(added, ada, project, content) for content in contents]
        for number, fault in enumerate(faults):
            until(lambda at=(number + 1) * 150: ready(ada, project) >= at, 300)
            assert ready(ada, project) < len(contents)  # or nothing is interrupted
            fault()
        assert len({future.result() for future in loading}) == len(contents)
    until(lambda: ready(ada, project) == len(contents), 600)
    rows = counted(platform, project)
    assert len(rows) == len(contents)
    for row in rows:
        assert row["chunk_count"] > 0
        parts = row["chunks"], row["ordinals"], row["vectors"], row["chunk_total"]
        assert set(parts) == {row["chunk_count"]}, row


def added(person: Person, project: str, content: str) -> str:
    """As a client does it that is told to come back; what was there already counts once."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        body = {"content": content, "project_id": project}
        with suppress(httpx.TransportError):
            answer = person.post("/documents/text", body, None)
            if answer.status_code == 201:
                return str(answer.json()["id"])
            if answer.status_code == 409:
                return str(answer.json()["document_id"])
            assert answer.status_code == 503, answer.text
            time.sleep(int(answer.headers["retry-after"]))
            continue
        time.sleep(0.5)
    raise AssertionError("it does not come back")


def ready(person: Person, project: str) -> int:
    """How many documents can be searched; less than it was while nobody can tell."""
    with suppress(httpx.TransportError):
        answer = person.get(f"/projects/{project}", None)
        if answer.status_code == 200:
            return int(answer.json()["documents"]["ready"])
    return -1


# --- language models ------------------------------------------------------------------------------

LONG = Reply(" ".join(f"word{n}" for n in range(40)))


def ask(person: Person, **more: Any) -> httpx.Response:
    return person.post("/llm/generate", {"prompt": "Count.", "provider": "ollama", **more}, None)


def test_a_model_that_is_down_is_503(ada: Person, ollama: OllamaEmulator, problem: Problem) -> None:
    with ollama.down():
        answer = ask(ada)
        problem(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
    assert ask(ada).status_code == 200


def test_a_model_that_is_too_slow_is_503_after_the_callers_timeout(
    ada: Person, ollama: OllamaEmulator, problem: Problem
) -> None:
    ollama.faults.first_delay = 30
    answer = ask(ada, timeout=1)
    assert "provider-timeout" in problem(answer, 503)["type"]
    assert answer.elapsed.total_seconds() < 25


@pytest.mark.parametrize("fault", ["cut_after", "error_after"])
def test_a_model_that_breaks_off_is_never_a_short_answer(
    ada: Person, ollama: OllamaEmulator, problem: Problem, fault: str
) -> None:
    ollama.reply = LONG
    setattr(ollama.faults, fault, 10)
    assert "stream-interrupted" in problem(ask(ada), 502)["type"]


@pytest.mark.parametrize("fault", ["cut_after", "error_after"])
def test_a_streamed_answer_that_breaks_off_ends_with_an_error_event(
    ada: Person, ollama: OllamaEmulator, fault: str
) -> None:
    ollama.reply = LONG
    setattr(ollama.faults, fault, 10)
    body = {"prompt": "Count.", "provider": "ollama", "stream": True}
    events = list(ada.events("POST", "/llm/generate", json=body))
    names = [name for name, _ in events]
    assert (names[0], names[-1]) == ("start", "error")
    assert "end" not in names
    assert "text" in names
    assert "stream-interrupted" in events[-1][1]["type"]


def test_a_stream_of_openai_s_shape_that_breaks_off_ends_with_an_error_and_not_with_done(
    ada: Person, compatible: OpenAIEmulator
) -> None:
    compatible.reply = LONG
    compatible.faults.cut_after = 10
    messages = [{"role": "user", "content": "Count."}]
    body = {"model": "compatible/tiny", "messages": messages, "stream": True}
    events = [data for _, data in ada.events("POST", "/v1/chat/completions", json=body)]
    assert "error" in events[-1]
    assert "[DONE]" not in events


def test_an_answer_of_privategpt_that_breaks_off_is_not_kept_as_an_answer(
    ada: Person, ollama: OllamaEmulator
) -> None:
    project = ada.project("privategpt")
    ada.ready(ada.text("The filter of the pump is changed every six weeks.", project))
    ollama.reply = LONG
    ollama.faults.cut_after = 10
    path = f"/privategpt/projects/{project}"
    body = {"question": "When is the filter changed?", "stream": True, "provider": "ollama"}
    names = [name for name, _ in ada.events("POST", f"{path}/ask", json=body)]
    assert names[-1] == "error"
    assert "done" not in names
    for row in ada.get(f"{path}/conversations").json():
        turns = ada.get(f"{path}/conversations/{row['id']}").json()["messages"]
        assert [turn for turn in turns if turn["role"] == "assistant"] == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_errors_of_a_model_are_never_errors_of_ours(
    ada: Person, ollama: OllamaEmulator, problem: Problem, status: int
) -> None:
    ollama.faults.status = status
    ollama.faults.retry_after = 7
    answer = ask(ada)
    assert answer.status_code in (502, 503), answer.text
    problem(answer, answer.status_code)


COUNT = {"messages": [{"role": "user", "content": "Count."}], "model": "ollama/tiny"}
LEFT: dict[str, tuple[str, dict[str, Any]]] = {
    "a stream by handle": ("/llm/generate", {"prompt": "Count.", "stream": True}),
    "an answer by handle": ("/llm/generate", {"prompt": "Count."}),
    "a stream": ("/v1/chat/completions", {**COUNT, "stream": True}),
    "an answer": ("/v1/chat/completions", COUNT),
    "a message": ("/v1/messages", {**COUNT, "max_tokens": 2000}),
}


@pytest.mark.parametrize("how", LEFT)
def test_a_client_that_goes_away_stops_the_model_within_a_second(
    how: str, ada: Person, platform: Platform, ollama: OllamaEmulator
) -> None:
    ollama.reply = Reply(" ".join(["word"] * 2000))
    ollama.faults.piece_delay = 0.05
    path, body = LEFT[how]

    async def ask_and_leave() -> bool:
        headers = dict(ada.http.headers)
        async with httpx.AsyncClient(base_url=platform.url, headers=headers, timeout=60) as client:
            asking = asyncio.create_task(client.post(path, json=body))
            await asyncio.to_thread(until, lambda: _chats(ollama), 20)
            (chat,) = _chats(ollama)
            await asyncio.sleep(0.3)  # it is in the middle of its answer
            assert not asking.done()
            asking.cancel()
            return bool(await asyncio.to_thread(chat.left.wait, 1.0))

    assert asyncio.run(ask_and_leave())


def _chats(ollama: OllamaEmulator) -> list[Any]:
    return [request for request in ollama.requests if request.path == "/api/chat"]
