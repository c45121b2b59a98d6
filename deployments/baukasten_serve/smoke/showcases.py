"""The showcases that ship, each from its first call to its result. No language model is asked."""

from __future__ import annotations

from typing import Any

from baukasten_serve.smoke.documents import QUESTION, SENTENCE
from baukasten_serve.smoke.llm import EXTRACTIVE
from baukasten_serve.smoke.session import NotInstalled, Session

JOB = "We look for a data engineer.\n\nRequirements:\n- Python\n- PostgreSQL\n"
CVS = [
    {"title": "A", "content": "Skills: Python and PostgreSQL, eight years of both."},
    {"title": "B", "content": "Skills: the baking of bread."},
]
ENTRY = {"date": "1962-03-03", "text": "The first snow of the year fell on the roof of the mill."}


def begin(session: Session, showcase: str, **config: Any) -> str:
    """Where the routes of a new project of the showcase begin."""
    if not any(path.startswith(f"/{showcase}/") for path in session.paths):
        raise NotInstalled(showcase)
    return f"/{showcase}/projects/{session.project(showcase, **config)}"


def cv_matcher(session: Session) -> None:
    """CV Matcher: job, candidates, rank, ranking."""
    base = begin(session, "cv_matcher")
    job = session.json("POST", f"{base}/job", 201, json={"text": JOB, "method": EXTRACTIVE})
    session.check({"Python", "PostgreSQL"} <= {item["text"] for item in job["requirements"]})
    for row in session.json("POST", f"{base}/candidates", 201, json={"texts": CVS}):
        session.settled(f"/documents/{row['document_id']}", ("queued", "processing"))
    session.call("POST", f"{base}/rank", 202, json={"method": EXTRACTIVE})
    ranking = session.settled(f"{base}/ranking", ("running",))
    session.check(ranking["status"] == "done")
    session.check([row["label"] for row in ranking["candidates"]] == ["A", "B"])


def privategpt(session: Session) -> None:
    """PrivateGPT: ask, whole and streamed; conversations."""
    base = begin(session, "privategpt")
    body = {"content": SENTENCE, "project_id": base.rpartition("/")[2]}
    document = session.json("POST", "/documents/text", 201, json=body)
    session.settled(f"/documents/{document['id']}", ("queued", "processing"))
    question = {"question": QUESTION, "provider": EXTRACTIVE}
    answer = session.json("POST", f"{base}/ask", json=question)
    session.check(answer["found"] and answer["citations"][0]["quote"] in SENTENCE)
    streamed = session.call("POST", f"{base}/ask", json={**question, "stream": True})
    session.check("event: done" in streamed.text)
    rows = session.json("GET", f"{base}/conversations")
    session.check(answer["conversation_id"] in [row["id"] for row in rows])


def tellmelife(session: Session) -> None:
    """TellMeLife: entries, a chapter, a book."""
    base = begin(session, "tellmelife", use_llm=False)
    entry = session.json("POST", f"{base}/entries", 201, json=ENTRY)
    session.check([row["id"] for row in session.json("GET", f"{base}/entries")] == [entry["id"]])
    chapter = session.json("POST", f"/tellmelife/entries/{entry['id']}/chapter")
    session.check(ENTRY["text"] in chapter["text"])
    book = session.json("POST", f"{base}/book", 202, json={"title": "Smoke"})
    path = f"/tellmelife/books/{book['id']}"
    session.check(session.settled(path, ("queued", "running"))["status"] == "ready")
    pdf = session.call("GET", path, headers={"Accept": "application/pdf"})
    session.check(pdf.content.startswith(b"%PDF-"))


STEPS = (cv_matcher, privategpt, tellmelife)
