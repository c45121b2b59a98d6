"""The contract's table of the showcases: with a language model, and without one."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from baukasten_core.testing.emulators import OllamaEmulator, Reply
from baukasten_core.testing.people import Person

pytestmark = pytest.mark.deployment

Problem = Callable[..., dict]

PUMPS = (
    "The pump must be switched off before its filter is changed. "
    "The filter is changed every six weeks. Oil is checked on Mondays."
)
JOB = (
    "We look for a data engineer.\n\nRequirements:\n- Python\n- PostgreSQL\n"
    "- Experience with Kubernetes\n"
)
CVS = {
    "Candidate A": "Skills: Python, PostgreSQL and Kubernetes. Eight years of experience with "
    "Python and PostgreSQL, five years of experience with Kubernetes.",
    "Candidate B": "Skills: Python. Two years of experience with Python in a bakery.",
}


def polled(ask: Callable[[], dict[str, Any]], busy: set[str]) -> dict[str, Any]:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        found = ask()
        if found["status"] not in busy:
            return found
        time.sleep(0.2)
    raise AssertionError(f"still {found['status']}")


# --- CV Matcher -----------------------------------------------------------------------------------


def test_cv_matcher_ranks_with_evidence_that_stands_word_for_word_in_the_cv(
    ada: Person, ollama: OllamaEmulator
) -> None:
    with ollama.down():
        project = ada.project("cv_matcher")
        base = f"/cv_matcher/projects/{project}"
        job = ada.post(f"{base}/job", {"text": JOB}, 201).json()
        for requirement in job["requirements"]:
            assert job["text"][requirement["start"] : requirement["end"]] == requirement["text"]
        assert {"Python", "PostgreSQL"} <= {item["text"] for item in job["requirements"]}
        ids = [ada.ready(ada.text(text, project, title=name))["id"] for name, text in CVS.items()]
        listed = ada.post(f"{base}/candidates", {"document_ids": ids}, 201).json()
        assert [row["document_id"] for row in listed] == ids
        ada.post(f"{base}/rank", status=202)
        ranking = polled(lambda: ada.get(f"{base}/ranking").json(), {"running"})
    assert (ranking["status"], ranking["method"], ranking["failed"]) == ("done", "extractive", 0)
    assert [row["label"] for row in ranking["candidates"]] == list(CVS)
    assert [row["rank"] for row in ranking["candidates"]] == [1, 2]
    best, second = ranking["candidates"]
    assert 0 <= second["score"] < best["score"] <= 1
    for row in ranking["candidates"]:
        text = CVS[row["label"]]
        for finding in row["requirements"]:
            assert finding["verdict"] in ("full", "partial", "missing")
            assert bool(finding["evidence"]) == (finding["verdict"] != "missing")
            for evidence in finding["evidence"]:
                assert text[evidence["start"] : evidence["end"]] == evidence["quote"]


def test_cv_matcher_takes_the_job_from_a_document_too(ada: Person) -> None:
    project = ada.project("cv_matcher")
    document = ada.ready(ada.text(JOB, project))
    body = {"document_id": document["id"], "method": "extractive"}
    job = ada.post(f"/cv_matcher/projects/{project}/job", body, 201).json()
    assert (job["source"], job["document_id"]) == ("document", document["id"])


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "a", "url": "http://example.com"}])
def test_cv_matcher_wants_exactly_one_job_description(ada: Person, body: dict) -> None:
    project = ada.project("cv_matcher")
    ada.post(f"/cv_matcher/projects/{project}/job", body, 422)


def test_cv_matcher_takes_no_address_that_is_not_public(ada: Person, problem: Problem) -> None:
    project = ada.project("cv_matcher")
    body = {"url": "http://127.0.0.1/job"}
    problem(ada.post(f"/cv_matcher/projects/{project}/job", body, None), 422)


def test_cv_matcher_takes_candidates_of_the_project_alone(
    ada: Person, bob: Person, problem: Problem
) -> None:
    project = ada.project("cv_matcher")
    for document in (ada.text("Elsewhere.", ada.project()), bob.text("Of another user.")):
        body = {"document_ids": [document["id"]]}
        problem(ada.post(f"/cv_matcher/projects/{project}/candidates", body, None), 404)


def test_a_ranking_that_was_never_started_is_404(ada: Person, problem: Problem) -> None:
    project = ada.project("cv_matcher")
    problem(ada.get(f"/cv_matcher/projects/{project}/ranking", None), 404)


# --- PrivateGPT -----------------------------------------------------------------------------------


@pytest.fixture
def pumps(ada: Person) -> str:
    project = ada.project("privategpt")
    ada.ready(ada.text(PUMPS, project, title="Pumps"))
    return f"/privategpt/projects/{project}"


QUESTION = {"question": "When is the filter of the pump changed?"}


def test_privategpt_answers_with_citations_checked_against_the_document(
    ada: Person, pumps: str, ollama: OllamaEmulator
) -> None:
    ollama.reply = Reply("The filter is changed every six weeks [1].")
    answer = ada.post(f"{pumps}/ask", QUESTION).json()
    assert (answer["found"], answer["grounded"], answer["method"]) == (True, True, "llm")
    assert (answer["provider"], answer["model"]) == ("ollama", "tiny:latest")
    (citation,) = answer["citations"]
    assert citation["verified"]
    assert PUMPS[citation["start"] : citation["end"]] == citation["quote"]
    assert "six weeks" in citation["quote"]


def test_privategpt_answers_without_a_model_and_says_so(
    ada: Person, pumps: str, ollama: OllamaEmulator
) -> None:
    with ollama.down():
        answer = ada.post(f"{pumps}/ask", QUESTION).json()
    assert (answer["method"], answer["provider"]) == ("extractive", "extractive")
    assert answer["citations"]
    assert all(item["quote"] in PUMPS for item in answer["citations"])


def test_privategpt_says_what_is_not_in_the_documents(
    ada: Person, pumps: str, ollama: OllamaEmulator
) -> None:
    question = {"question": "Who won the chess championship in the year of the comet?"}
    answer = ada.post(f"{pumps}/ask", question).json()
    assert (answer["found"], answer["citations"], answer["method"]) == (False, [], "none")
    assert "not in your documents" in answer["answer"]
    assert not [request for request in ollama.requests if request.path == "/api/chat"]


def test_privategpt_streams_when_asked(ada: Person, pumps: str, ollama: OllamaEmulator) -> None:
    ollama.reply = Reply("The filter is changed every six weeks [1].")
    events = list(ada.events("POST", f"{pumps}/ask", json={**QUESTION, "stream": True}))
    names = [name for name, _ in events]
    assert names[-1] == "done"
    assert names.count("delta") > 1
    text = "".join(data["text"] for name, data in events if name == "delta")
    assert text == events[-1][1]["answer"]


def test_privategpt_keeps_conversations(
    ada: Person, pumps: str, ollama: OllamaEmulator, problem: Problem
) -> None:
    first = ada.post(f"{pumps}/ask", QUESTION).json()
    more = {"question": "And the oil?", "conversation_id": first["conversation_id"]}
    ada.post(f"{pumps}/ask", more)
    (row,) = ada.get(f"{pumps}/conversations").json()
    assert row["id"] == first["conversation_id"]
    path = f"{pumps}/conversations/{row['id']}"
    turns = ada.get(path).json()["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user", "assistant"]
    assert ada.patch(path, {"title": "Renamed"}).json()["title"] == "Renamed"
    ada.delete(path)
    problem(ada.get(path, None), 404)


# --- TellMeLife -----------------------------------------------------------------------------------

ENTRIES = [
    {"date": "1962-03-03", "text": "The first snow of the year fell on the roof of the mill."},
    {"date": "1961-05-07", "text": "Der Zug nach Norden fuhr heute von Gleis sieben ab."},
]


@pytest.fixture
def life(ada: Person) -> str:
    return ada.project("tellmelife", "A life")


def entry(person: Person, project: str, body: dict[str, Any]) -> dict[str, Any]:
    path = f"/tellmelife/projects/{project}/entries"
    made: dict[str, Any] = person.post(path, body, 201).json()
    return made


def test_tellmelife_keeps_entries_in_order_of_their_date(ada: Person, life: str) -> None:
    made = [entry(ada, life, body) for body in ENTRIES]
    assert [row["language"] for row in made] == ["en", "de"]
    listed = ada.get(f"/tellmelife/projects/{life}/entries").json()
    assert [row["id"] for row in listed] == [made[1]["id"], made[0]["id"]]
    pages = ada.pages(f"/tellmelife/projects/{life}/entries?limit=1")
    assert [row["id"] for (row,) in pages] == [made[1]["id"], made[0]["id"]]


@pytest.mark.parametrize(
    "body", [{}, {"date": "1962-03-03"}, {"date": "yesterday", "text": "x"}, {"text": "x"}]
)
def test_tellmelife_wants_a_date_and_a_text(ada: Person, life: str, body: dict) -> None:
    ada.post(f"/tellmelife/projects/{life}/entries", body, 422)


def test_tellmelife_writes_a_chapter_of_the_entry_s_own_words_without_a_model(
    ada: Person, life: str, ollama: OllamaEmulator
) -> None:
    made = entry(ada, life, ENTRIES[0])
    with ollama.down():
        chapter = ada.post(f"/tellmelife/entries/{made['id']}/chapter").json()
    assert (chapter["status"], chapter["method"]) == ("ready", "extractive")
    assert ENTRIES[0]["text"] in chapter["text"]


def test_tellmelife_makes_a_book_with_contents_as_pdf(
    ada: Person, life: str, ollama: OllamaEmulator, problem: Problem
) -> None:
    for body in ENTRIES:
        entry(ada, life, body)
    with ollama.down():
        started = ada.post(f"/tellmelife/projects/{life}/book", {"title": "Snow"}, 202)
        path = started.headers["location"]
        book = polled(lambda: ada.get(path).json(), {"queued", "running"})
    assert (book["status"], book["failed"], book["title"]) == ("ready", [], "Snow")
    pdf = ada.get(path, headers={"Accept": "application/pdf"})
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf.content)) >= 0
    assert book["pages"] >= len(ENTRIES)
    assert ada.get(book["file"]).content == pdf.content


def test_a_book_of_nothing_is_422(ada: Person, life: str, problem: Problem) -> None:
    problem(ada.post(f"/tellmelife/projects/{life}/book", None, None), 422)


# --- all of them ----------------------------------------------------------------------------------

CALLS = [
    ("cv_matcher", "POST", "job", {"text": JOB}),
    ("cv_matcher", "POST", "candidates", {"texts": [{"content": "A CV."}]}),
    ("cv_matcher", "POST", "rank", None),
    ("cv_matcher", "GET", "ranking", None),
    ("privategpt", "POST", "ask", QUESTION),
    ("privategpt", "GET", "conversations", None),
    ("tellmelife", "POST", "entries", ENTRIES[0]),
    ("tellmelife", "GET", "entries", None),
    ("tellmelife", "POST", "book", None),
]


@pytest.mark.parametrize(("showcase", "method", "what", "body"), CALLS)
def test_a_project_of_another_user_or_showcase_or_of_nobody_is_404(
    ada: Person, bob: Person, problem: Problem, showcase: str, method: str, what: str, body: Any
) -> None:
    options = {"json": body} if body else {}
    for project in (ada.project(showcase), bob.project("other"), str(uuid4())):
        path = f"/{showcase}/projects/{project}/{what}"
        problem(bob.call(method, path, None, **options), 404)
