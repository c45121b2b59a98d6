"""Web addresses become documents: a page at once, a file like an upload."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from baukasten_core.contracts.auth import Principal
from baukasten_core.db.session import Database
from baukasten_core.documents.embedders import Embedders
from baukasten_core.documents.extract import Extractor
from baukasten_core.documents.fetch import Fetcher
from baukasten_core.documents.ingest import Ingestor
from baukasten_core.documents.search import Searcher
from baukasten_core.documents.service import Documents
from baukasten_core.errors import Conflict, Unprocessable
from baukasten_core.jobs import Jobs
from baukasten_core.providers.storage.pgvector_store import PgVectorConfig, PgVectorStore
from baukasten_core.testing.fakes import FakeEmbedder, MemoryBlobStore

PARAGRAPH = "The lighthouse keeper winds the clockwork every four hours, by day and by night. "
PAGE = f"""<html><head><title>The lighthouse</title></head><body>
<nav>Home Imprint</nav><article><h1>The lighthouse</h1><p>{PARAGRAPH * 6}</p></article>
</body></html>"""


async def page(request: Request) -> Response:
    return HTMLResponse(PAGE)


async def notes(request: Request) -> Response:
    return PlainTextResponse("The foghorn is tested on Mondays.")


async def empty(request: Request) -> Response:
    return HTMLResponse("<html><body><script>let x</script></body></html>")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site() -> AsyncIterator[str]:
    routes = [Route("/page", page), Route("/notes.txt", notes), Route("/empty", empty)]
    listening = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="error"))
    task = asyncio.create_task(running.serve(sockets=[listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    running.should_exit = True
    await task


class Room:
    """The documents' room, with a fetcher that may reach this machine."""

    def __init__(self, database: Database, extractor: Extractor) -> None:
        self.database, self.blobs, embedder = database, MemoryBlobStore(), FakeEmbedder()
        vectors = PgVectorStore(PgVectorConfig())
        self.ingestor = Ingestor(
            *(database, self.blobs, Embedders(embedder), vectors, extractor, Jobs())
        )
        self.documents = Documents(
            database,
            self.blobs,
            vectors,
            Jobs(),
            extractor,
            Fetcher(extractor.limits, allowed=lambda address: True),
            self.ingestor,
        )
        self.searcher = Searcher(database, Embedders(embedder), vectors)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def room(database: Database) -> AsyncIterator[Room]:
    async with Extractor() as extractor:
        yield Room(database, extractor)


async def test_a_page_is_fetched_read_and_found(room: Room, site: str, tenant: Principal) -> None:
    document = await room.documents.add_url(tenant, f"{site}/page", metadata={"seen": "today"})
    assert (document.type, document.url) == ("url", f"{site}/page")
    assert document.media_type == "text/html"
    assert document.doc_metadata == {"seen": "today"}
    await room.ingestor.run(tenant.scope, document.id)
    async with room.database.transaction(tenant.scope) as session:
        document = await room.documents.get(session, tenant, document.id)
    assert document.status == "ready"
    assert "clockwork" in (document.content or "")
    assert "Imprint" not in (document.content or "")
    original = b"".join([piece async for piece in room.documents.file(document)])
    assert original.decode() == PAGE
    hits = await room.searcher.search(tenant, "lighthouse clockwork")
    assert hits[0].document_id == document.id
    with pytest.raises(Conflict):
        await room.documents.add_url(tenant, f"{site}/page")


async def test_a_text_file_behind_an_address_is_read(
    room: Room, site: str, tenant: Principal
) -> None:
    document = await room.documents.add_url(tenant, f"{site}/notes.txt")
    await room.ingestor.run(tenant.scope, document.id)
    assert (await room.searcher.search(tenant, "foghorn tested"))[0].document_id == document.id


@pytest.mark.parametrize("path", ["/empty", "/missing"])
async def test_an_address_without_text_is_refused_and_leaves_nothing(
    room: Room, site: str, tenant: Principal, path: str
) -> None:
    with pytest.raises(Unprocessable):
        await room.documents.add_url(tenant, f"{site}{path}")
    assert not [key for key in room.blobs.files if key.startswith(str(tenant.tenant_id))]
