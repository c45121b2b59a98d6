"""What goes wrong with documents, in the reader's language."""

from __future__ import annotations

import json
from uuid import uuid4

import httpx
import psycopg

from baukasten_core.documents.insertion import UNFINISHED
from baukasten_core.testing.fixtures_app import SignedIn
from baukasten_core.testing.fixtures_db import DatabaseUrls
from tests.integration.documents.calls import add, ready


async def test_what_went_wrong_is_said_in_the_language_that_is_asked_for(
    client: httpx.AsyncClient, user: SignedIn, database_urls: DatabaseUrls
) -> None:
    """Also of what failed in the worker, which knows no reader."""
    document = await ready(client, user, await add(client, user, "A heron."))
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute(
            "UPDATE core.documents SET status = 'failed', error = %s WHERE id = %s",
            [UNFINISHED, document["id"]],
        )
    german = {**user.headers, "Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}
    where = f"/documents/{document['id']}"
    said = "Die Übertragung wurde nicht abgeschlossen. Legen Sie es noch einmal hinein."
    (listed,) = (await client.get("/documents?status=failed", headers=german)).json()
    assert listed["error"] == (await client.get(where, headers=german)).json()["error"]
    assert listed["error"].startswith(said)
    events = (await client.get(f"{where}/events", headers=german)).text
    assert json.loads(events.split("data: ")[1])["error"] == said

    broken = await client.post(
        "/documents/upload", files={"file": ("a.pdf", b"%PDF-1.4 nothing")}, headers=german
    )
    assert broken.json()["message"].startswith("Die Datei ist beschädigt: Sie lässt sich nicht")
    problem = (await client.get(f"/documents/{uuid4()}", headers=german)).json()
    assert problem["detail"] == "Document not found"
    assert problem["message"] == "Dieses Dokument gibt es nicht, oder Sie dürfen es nicht sehen."
    missing = (await client.post("/documents/text", json={}, headers=german)).json()
    assert missing["message"] == "content: Das fehlt."
    assert "message" not in (await client.get(f"/documents/{uuid4()}", headers=user.headers)).json()


async def test_literals_of_the_contract_are_for_programs_and_their_hints_for_people(
    client: httpx.AsyncClient,
) -> None:
    form = {"username": "nobody@example.org", "password": "not this one"}
    answer = await client.post("/auth/login", data=form, headers={"Accept-Language": "es"})
    assert answer.json()["detail"] == "LOGIN_BAD_CREDENTIALS"
    assert answer.json()["message"] == "La dirección o la contraseña no es correcta."
