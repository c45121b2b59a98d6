"""Language models: `/llm`, and `/v1` in OpenAI's shapes."""

from __future__ import annotations

from baukasten_serve.smoke.documents import QUESTION, SENTENCE
from baukasten_serve.smoke.session import Session

EXTRACTIVE = "extractive"
"""Answers in the documents' own sentences: costs nothing, reaches nobody, always the same."""


def generate(session: Session) -> None:
    """POST /llm/generate by the chain, by a provider, and by one that is not there."""
    body = {"prompt": QUESTION, "project_id": session.id_of("project")}
    answer = session.json("POST", "/llm/generate", json=body)
    session.check(answer["response"] and answer["provider"] and answer["model"])
    answer = session.json("POST", "/llm/generate", json={**body, "provider": EXTRACTIVE})
    session.check((answer["provider"], SENTENCE in answer["response"]) == (EXTRACTIVE, True))
    session.call("POST", "/llm/generate", 400, json={**body, "provider": "nobody"})


def models(session: Session) -> None:
    """GET /llm/models."""
    body = session.json("GET", "/llm/models")
    session.check(body["total"] == len(body["models"]))


def embed(session: Session) -> None:
    """POST /llm/embed."""
    body = session.json("POST", "/llm/embed", json={"text": SENTENCE})
    session.check(len(body["embedding"]) == body["dimensions"])


def chat(session: Session) -> None:
    """POST /v1/chat/completions, whole and streamed."""
    messages = [{"role": "user", "content": QUESTION}]
    body = {"model": EXTRACTIVE, "messages": messages, "project_id": session.id_of("project")}
    answer = session.json("POST", "/v1/chat/completions", json=body)
    session.check(SENTENCE in answer["choices"][0]["message"]["content"])
    streamed = session.call("POST", "/v1/chat/completions", json={**body, "stream": True})
    session.check(streamed.text.rstrip().endswith("data: [DONE]"))


def messages(session: Session) -> None:
    """POST /v1/messages, in Anthropic's shapes, whole and streamed."""
    turns = [{"role": "user", "content": QUESTION}]
    project = session.id_of("project")
    body = {"model": EXTRACTIVE, "messages": turns, "max_tokens": 500, "project_id": project}
    answer = session.json("POST", "/v1/messages", json=body)
    session.check(SENTENCE in answer["content"][0]["text"])
    streamed = session.call("POST", "/v1/messages", json={**body, "stream": True})
    session.check("event: message_stop" in streamed.text)


def usage(session: Session) -> None:
    """GET /v1/usage, as JSON and as CSV."""
    session.json("GET", "/v1/usage")
    table = session.call("GET", "/v1/usage", params={"format": "csv"})
    session.check(table.headers["content-type"].startswith("text/csv"))


def limits(session: Session) -> None:
    """PUT and DELETE /tenants/{id}/limits/{subject}: a rate that nobody reaches."""
    (personal,) = [row for row in session.json("GET", "/tenants") if row["personal"]]
    path = f"/tenants/{personal['id']}/limits"
    session.call("PUT", f"{path}/tenant", 204, json={"requests_per_minute": 1_000_000})
    (row,) = session.json("GET", path)
    session.check(row["requests_per_minute"] == 1_000_000)
    session.call("DELETE", f"{path}/tenant", 204)


def openai_models(session: Session) -> None:
    """GET /v1/models."""
    session.check(session.json("GET", "/v1/models")["object"] == "list")


def embeddings(session: Session) -> None:
    """POST /v1/embeddings."""
    body = {"input": [SENTENCE, "Another one."], "model": ""}
    answer = session.json("POST", "/v1/embeddings", json=body)
    session.check([row["index"] for row in answer["data"]] == [0, 1])


STEPS = (
    *(generate, models, embed, chat, messages),
    *(openai_models, embeddings, usage, limits),
)
