"""The contract's table "Documents", row by row."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from baukasten_serve.runtime import runtime_dir
from baukasten_serve.testing import Platform

from baukasten_core.testing import files
from baukasten_core.testing.people import Person

pytestmark = pytest.mark.deployment

FIELDS = {
    *("id", "user_id", "project_id", "type", "filename", "url", "content", "doc_metadata"),
    *("status", "error", "created_at", "updated_at"),
}
STATES = {"queued", "processing", "ready", "failed"}

Problem = Callable[..., dict]
Newcomer = Callable[..., Person]


# --- text -------------------------------------------------------------------------------------


def test_text_is_201_with_the_fields_of_a_document(ada: Person) -> None:
    project = ada.project()
    made = ada.text("A text.", project, title="A title", metadata={"a": {"b": [1]}})
    assert set(made) >= FIELDS
    assert (made["type"], made["status"], made["error"]) == ("text", "queued", None)
    assert (made["content"], made["doc_metadata"]) == ("A text.", {"a": {"b": [1]}})
    assert (made["user_id"], made["project_id"]) == (ada.id, project)
    assert ada.ready(made)["status"] == "ready"


def test_one_character_is_enough_and_none_is_422(ada: Person) -> None:
    assert ada.ready(ada.text("x", ada.project()))["content"] == "x"
    for body in ({}, {"content": ""}, {"content": "  \n "}, {"content": "x", "project_id": "y"}):
        ada.post("/documents/text", body, 422)


def test_content_that_the_project_has_is_409_and_names_the_document(
    ada: Person, problem: Problem
) -> None:
    project, content = ada.project(), f"Once only {uuid4()}."
    first = ada.text(content, project)
    body = {"content": content, "project_id": project}
    again = problem(ada.post("/documents/text", body, None), 409)
    assert first["id"] in str(again)
    upload = ada.upload("once.txt", content.encode(), None, project_id=project)
    assert first["id"] in str(problem(upload, 409))
    ada.text(content, ada.project())


def test_a_project_that_is_not_there_is_404(ada: Person, problem: Problem) -> None:
    project = str(uuid4())
    body = {"content": "x", "project_id": project}
    problem(ada.post("/documents/text", body, None), 404)
    problem(ada.upload("a.txt", b"text", None, project_id=project), 404)
    problem(ada.post("/documents/url", {"url": "http://[::1]/", "project_id": project}, None), 404)
    problem(ada.get(f"/documents?project_id={project}", None), 404)


# --- upload -----------------------------------------------------------------------------------

PARAGRAPHS = ["The heron stands in shallow water.", "It waits for fish without moving."]


@pytest.mark.parametrize("suffix", sorted(files.FORMATS))
def test_every_format_is_read_and_its_original_comes_back(ada: Person, suffix: str) -> None:
    data = files.FORMATS[suffix](PARAGRAPHS)
    made = ada.upload(f"heron.{suffix}", data, project_id=ada.project()).json()
    assert set(made) >= FIELDS
    assert made["filename"] == f"heron.{suffix}"
    found = ada.ready(made)
    for paragraph in PARAGRAPHS:
        assert paragraph in " ".join(found["content"].split())
    original = ada.get(f"/documents/{made['id']}/file")
    assert original.content == data
    assert original.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in original.headers["content-security-policy"]


def test_a_type_that_can_not_be_read_is_415_and_names_those_that_can(
    ada: Person, problem: Problem
) -> None:
    answer = ada.upload("picture.pdf", b"\x89PNG\r\n\x1a\n" + bytes(100), None)
    body = problem(answer, 415)
    said = f"{body['detail']} {body.get('hint')}"
    assert "PNG" in said
    for name in ("PDF", "DOCX", "ODT", "PPTX", "XLSX", "HTML", "EML", "Markdown", "text"):
        assert name in said


def test_a_file_over_the_limit_is_413(ada: Person, problem: Problem) -> None:
    answer = ada.upload("large.txt", b"word " * (2 * 2**20 // 5 + 1), None)
    assert "2 MiB" in problem(answer, 413)["detail"]


def test_a_form_without_a_file_is_422(ada: Person) -> None:
    ada.call("POST", "/documents/upload", 422, data={"project_id": ""})
    ada.call("POST", "/documents/upload", 422, json={"file": "x"})


# --- address ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://[::ffff:127.0.0.1]/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://name.invalid/",
        "nonsense",
    ],
)
def test_an_address_that_is_not_public_http_or_not_there_is_422(
    ada: Person, problem: Problem, url: str
) -> None:
    problem(ada.post("/documents/url", {"url": url}, None), 422)


# An address in a part of IPv6 that belongs to nobody, in a network of its own on this machine:
# public to every check, and reached by nobody else.
NEAR, WEB = "3c00:ba0::1", "3c00:ba0::2"

SITE = """
import http.server, socket, sys

class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path[4:])
            self.end_headers()
            return
        text = "<h1>Herons</h1><p>The grey heron waits for fish in shallow water.</p>"
        text = "" if self.path == "/empty" else text
        body = f"<!doctype html><html><title>T</title><body>{text}</body></html>".encode()
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6

server = Server((sys.argv[1], 80), Site)
print("ready", flush=True)
server.serve_forever()
"""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of a web server that is not this machine, as far as anybody can tell."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and iproute2 to make a network namespace")
    name = f"bw{os.getpid() % 10000}"
    setup = [
        ["ip", "netns", "add", name],
        ["ip", "link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b"],
        ["ip", "link", "set", f"{name}b", "netns", name],
        ["ip", "addr", "add", f"{NEAR}/64", "dev", f"{name}a", "nodad"],
        ["ip", "link", "set", f"{name}a", "up"],
        ["ip", "-n", name, "addr", "add", f"{WEB}/64", "dev", f"{name}b", "nodad"],
        ["ip", "-n", name, "link", "set", f"{name}b", "up"],
    ]
    server = None
    try:
        for command in setup:
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"can't make a network namespace: {done.stderr.strip()}")
        command = ["ip", "netns", "exec", name, sys.executable, "-c", SITE, WEB]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield f"http://[{WEB}]"
    finally:
        if server is not None:
            server.kill()
            server.wait()
        subprocess.run(["ip", "netns", "del", name], capture_output=True)
        subprocess.run(["ip", "link", "del", f"{name}a"], capture_output=True)


def test_a_public_address_is_201_and_becomes_a_document(
    ada: Person, site: str, problem: Problem
) -> None:
    project = ada.project()
    body = {"url": f"{site}/herons", "project_id": project, "metadata": {"n": 1}}
    made = ada.post("/documents/url", body, 201).json()
    assert set(made) >= FIELDS
    assert (made["type"], made["url"], made["doc_metadata"]) == ("url", body["url"], {"n": 1})
    assert "waits for fish" in ada.ready(made)["content"]
    assert made["id"] in str(problem(ada.post("/documents/url", body, None), 409))


@pytest.mark.parametrize(
    "path", ["/empty", "/missing", "/to/http://127.0.0.1:8000/", "/to/ftp://x/"]
)
def test_an_address_without_text_or_that_leads_to_a_private_one_is_422(
    ada: Person, site: str, problem: Problem, path: str
) -> None:
    problem(ada.post("/documents/url", {"url": site + path}, None), 422)


# --- list, one, file, events ------------------------------------------------------------------


def test_the_list_is_newest_first_of_one_project_and_pages_follow_the_link(
    newcomer: Newcomer, problem: Problem
) -> None:
    person = newcomer()
    project = person.project()
    made = [person.text(f"Number {n}.", project)["id"] for n in range(3)]
    person.text("Elsewhere.")
    pages = person.pages(f"/documents?project_id={project}&limit=2")
    assert [len(page) for page in pages] == [2, 1]
    assert [row["id"] for page in pages for row in page] == made[::-1]
    assert all(set(row) >= FIELDS and row["status"] in STATES for page in pages for row in page)
    assert len(person.get("/documents").json()) == 4
    problem(person.get("/documents?cursor=nonsense", None), 400)
    person.get("/documents?limit=101", 422)


def test_a_document_is_read_and_deleted(ada: Person, problem: Problem) -> None:
    document = ada.ready(ada.text(f"Gone soon {uuid4()}.", ada.project()))
    path = f"/documents/{document['id']}"
    assert set(ada.get(path).json()) >= FIELDS
    assert ada.delete(path).content == b""
    for answer in (ada.get(path, None), ada.get(path + "/file", None), ada.delete(path, None)):
        problem(answer, 404)


def test_progress_comes_as_server_sent_events_and_ends_with_ready(ada: Person) -> None:
    made = ada.text("A sentence to be counted. " * 2000, ada.project())
    events = list(ada.events("GET", f"/documents/{made['id']}/events"))
    names = [name for name, _ in events]
    assert names[-1] == "ready"
    assert set(names[:-1]) <= {"progress"}
    last = events[-1][1]
    assert last["status"] == "ready"
    assert last["chunks_done"] == last["chunks_total"] > 10


def test_what_only_shows_later_ends_as_failed_with_an_error(ada: Person) -> None:
    """Over the limit of pages: the quick look at an upload does not count them."""
    pages = [["x"]] * 5001
    answer = ada.upload("long.pdf", files.pdf(pages), None, project_id=ada.project())
    if answer.status_code == 422:
        assert "5000" in answer.text.replace(",", "")
        return
    found = ada.settled(answer.json())
    assert found["status"] == "failed"
    assert "5000" in found["error"].replace(",", "")


def test_every_call_on_a_document_of_another_user_is_404(
    ada: Person, bob: Person, problem: Problem
) -> None:
    made = ada.text(f"Hers alone {uuid4()}.")
    path = f"/documents/{made['id']}"
    for answer in (
        bob.get(path, None),
        bob.get(path + "/file", None),
        bob.get(path + "/events", None),
        bob.delete(path, None),
    ):
        problem(answer, 404)
    ada.get(path)


# --- search -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def library(ada: Person) -> str:
    """A project with three documents about different things."""
    project = ada.project()
    texts = {
        "Herons": "The grey heron stands in shallow water and waits for fish.",
        "Bread": "Yeast turns sugar into carbon dioxide, so the dough rises.",
        "Züge": "Der Zug nach Norden fährt heute von Gleis sieben ab.",
    }
    made = [ada.text(content, project, title=title) for title, content in texts.items()]
    for document in made:
        ada.ready(document)
    return project


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("which bird waits for fish?", "Herons"),
        ("why does dough rise", "Bread"),
        ("Von welchem Gleis fährt der Zug?", "Züge"),
    ],
)
def test_search_answers_documents_best_first_with_score_and_passages(
    ada: Person, library: str, query: str, title: str
) -> None:
    found = ada.get("/documents/search", params={"query": query, "project_id": library}).json()
    assert found[0]["title"] == title
    assert set(found[0]) >= {*FIELDS, "score", "chunks"}
    scores = [hit["score"] for hit in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    best = found[0]
    assert best["chunks"]
    for chunk in best["chunks"]:
        assert best["content"][chunk["start"] : chunk["end"]] == chunk["text"]


def test_nothing_relevant_can_be_told_from_the_score(ada: Person, library: str) -> None:
    def best(query: str) -> float:
        body = {"query": query, "project_id": library}
        return max((hit["score"] for hit in ada.post("/documents/search", body).json()), default=0)

    assert best("grey heron in shallow water") > 0.5
    assert best("interest rates of the central bank") < 0.35


def test_posting_a_search_answers_the_same(ada: Person, library: str) -> None:
    query = {"query": "a bird in shallow water", "project_id": library, "limit": 2}
    assert (
        ada.post("/documents/search", query).json()
        == ada.get("/documents/search", params=query).json()
    )


def test_a_search_is_narrowed_to_documents(ada: Person, library: str) -> None:
    rows = {row["title"]: row["id"] for row in ada.get(f"/documents?project_id={library}").json()}
    body = {"query": "heron in the water", "documents": [rows["Bread"]], "language": "en"}
    found = ada.post("/documents/search", body).json()
    assert {hit["id"] for hit in found} <= {rows["Bread"]}


@pytest.mark.parametrize("query", ["ab", "  ab  ", "   ", ""])
def test_a_query_of_less_than_three_characters_after_trimming_is_400(
    ada: Person, problem: Problem, query: str
) -> None:
    problem(ada.get("/documents/search", None, params={"query": query}), 400)
    problem(ada.post("/documents/search", {"query": query}, None), 400)


def test_the_limit_is_1_to_100_and_5_by_default(newcomer: Newcomer) -> None:
    person = newcomer()
    project = person.project()
    for document in [person.text(f"Heron number {n} waits for fish.", project) for n in range(7)]:
        person.ready(document)
    for limit, count in ((None, 5), (1, 1), (100, 7)):
        query = {"query": "heron waits", "limit": limit} if limit else {"query": "heron waits"}
        assert len(person.get("/documents/search", params=query).json()) == count
    for limit in (0, 101):
        person.get("/documents/search", 422, params={"query": "heron", "limit": limit})


def test_nobody_finds_the_documents_of_another(ada: Person, bob: Person, library: str) -> None:
    query = {"query": "which bird waits for fish?"}
    assert bob.get("/documents/search", params=query).json() == []
    assert bob.post("/documents/search", {**query, "project_id": library}, None).status_code == 404


def test_the_query_of_a_search_is_in_no_log(ada: Person, platform: Platform) -> None:
    word = f"unmistakable{uuid4().hex}"
    ada.get("/documents/search", params={"query": word})
    ada.post("/documents/search", {"query": word})
    ada.get("/documents/search", 400, params={"query": "ab", "also": word})
    folders = (platform.home / "logs", runtime_dir(platform.home))
    held = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert held
    assert not [path for path in held if word.encode() in path.read_bytes()]


def test_a_client_without_json_gets_422(ada: Person) -> None:
    headers = {"Content-Type": "application/json"}
    ada.call("POST", "/documents/search", 422, content=b"{", headers=headers)
