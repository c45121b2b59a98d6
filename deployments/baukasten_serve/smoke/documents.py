"""Documents: put in, read, found, listed, deleted."""

from __future__ import annotations

from baukasten_serve.smoke.session import Session

SENTENCE = "The blue heron stands in shallow water and waits for fish."
QUESTION = "Which bird waits for fish?"
FILE = b"# Bread\n\nYeast turns sugar into carbon dioxide, so the dough rises overnight.\n"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)


def text(session: Session) -> None:
    """POST /documents/text, and again."""
    body = {"content": SENTENCE, "title": "Heron", "project_id": session.id_of("project")}
    session.made["document"] = session.json("POST", "/documents/text", 201, json=body)["id"]
    session.call("POST", "/documents/text", 409, json=body)


def upload(session: Session) -> None:
    """POST /documents/upload: a file, a broken one, and one that can't be read."""
    form = {"project_id": session.id_of("project")}

    def sent(name: str, content: bytes, status: int) -> dict[str, str]:
        file = {"file": (name, content)}
        body: dict[str, str] = session.json(
            "POST", "/documents/upload", status, files=file, data=form
        )
        return body

    session.made["file"] = sent("bread.md", FILE, 201)["id"]
    sent("broken.pdf", b"%PDF-1.7 broken", 422)
    sent("picture.png", PNG, 415)


def address(session: Session) -> None:
    """POST /documents/url refuses a private address."""
    for url in ("http://127.0.0.1/", "http://169.254.169.254/latest/"):
        # 403: the operator switched fetching off.
        session.call("POST", "/documents/url", (422, 403), json={"url": url})


def ready(session: Session) -> None:
    """GET /documents/{id} and its events: the worker makes it ready."""
    for what in ("document", "file"):
        path = f"/documents/{session.id_of(what)}"
        found = session.settled(path, ("queued", "processing"))
        session.check(found["status"] == "ready")
        session.check(found["content"])
        events = session.call("GET", f"{path}/events")
        session.check(events.headers["content-type"].startswith("text/event-stream"))
        session.check("event: ready" in events.text)


def original(session: Session) -> None:
    """GET /documents/{id}/file is the original."""
    answer = session.call("GET", f"/documents/{session.id_of('file')}/file")
    session.check(answer.content == FILE)


def listed(session: Session) -> None:
    """GET /documents, page by page."""
    path: str | None = f"/documents?project_id={session.id_of('project')}&limit=1"
    found = []
    while path:
        answer = session.call("GET", path)
        found += [row["id"] for row in answer.json()]
        path = answer.links.get("next", {}).get("url")
    session.check(found == [session.id_of("file"), session.id_of("document")])


def search(session: Session) -> None:
    """GET and POST /documents/search."""
    query = {"query": QUESTION, "project_id": session.id_of("project")}
    for answer in (
        session.call("GET", "/documents/search", params=query),
        session.call("POST", "/documents/search", json=query),
    ):
        best = answer.json()[0]
        session.check(best["id"] == session.id_of("document"))
        session.check(0 <= best["score"] <= 1)
    session.call("GET", "/documents/search", 400, params={"query": "ab"})


STEPS = (text, upload, address, ready, original, listed, search)


def delete_document(session: Session) -> None:
    """DELETE /documents/{id}."""
    path = f"/documents/{session.id_of('file')}"
    session.call("DELETE", path, 204)
    session.call("GET", path, 404)
