"""A worker killed with SIGKILL in the middle of a load loses nothing and doubles nothing."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from sqlalchemy import text

from baukasten_core.assembly import open_services
from baukasten_core.background import build_worker
from baukasten_core.contracts.auth import Principal
from baukasten_core.plugins import PluginHost
from baukasten_core.services import Services
from baukasten_core.testing.fakes import FakeEmbedder
from baukasten_core.testing.fixtures_app import test_settings as settings_of
from baukasten_core.testing.fixtures_db import DatabaseUrls

DOCUMENTS = 8
STALLED = 1.5

WORKER = f"""
import asyncio, sys
from pathlib import Path
from baukasten_core.assembly import open_services
from baukasten_core.background import build_worker
from baukasten_core.plugins import PluginHost
from baukasten_core.testing.fakes import FakeEmbedder
from baukasten_core.testing.fixtures_app import test_settings
from baukasten_core.testing.fixtures_db import DatabaseUrls

class Slow(FakeEmbedder):
    async def embed(self, texts, *, priority="bulk"):
        await asyncio.sleep(0.1)
        return await super().embed(texts, priority=priority)

async def main():
    settings = test_settings(Path(sys.argv[1]), DatabaseUrls("", sys.argv[2]),
                             jobs={{"stalled_seconds": {STALLED}}})
    async with open_services(settings, PluginHost.discover(), embedder=Slow()) as services:
        await build_worker(services).run()

asyncio.run(main())
"""

STATE = text(
    "SELECT count(*) FILTER (WHERE status = 'ready') AS ready,"
    " count(*) FILTER (WHERE status = 'processing' AND chunk_count > 0"
    "  AND chunk_count < chunk_total) AS half FROM core.documents"
)
PARTS = text(
    "SELECT d.status, d.chunk_count, d.chunk_total, d.term_count,"
    " (SELECT count(*) FROM core.chunks c WHERE c.document_id = d.id) AS chunks,"
    " (SELECT count(DISTINCT c.ordinal) FROM core.chunks c WHERE c.document_id = d.id) AS ordinals,"
    " (SELECT sum(h.hit >> 16 & 65535) FROM core.postings p, unnest(p.hits) AS h (hit)"
    "  WHERE p.document_id = d.id) AS counted,"
    " (SELECT count(*) FROM core.vectors_{space} v WHERE v.document_id = d.id) AS vectors"
    " FROM core.documents d".replace("{space}", FakeEmbedder().space.id)
)

OUTAGE = text(
    "UPDATE jobs.procrastinate_jobs SET attempts = 20,"
    """ args = args || '{"counts": {"outages": 20}}'"""
)


def content(number: int) -> str:
    sentences = (f"Item {n} of list {number} names part{n * number}." for n in range(4000))
    return " ".join(sentences)


async def test_a_killed_worker_loses_and_doubles_nothing(
    database_urls: DatabaseUrls, tenant: Principal, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, database_urls, jobs={"stalled_seconds": STALLED})
    host = PluginHost.discover()
    async with open_services(settings, host, embedder=FakeEmbedder()) as services:
        for number in range(DOCUMENTS):
            await services.documents.add_text(tenant, content(number))
        async with services.database.transaction(tenant.scope) as session:
            await session.execute(OUTAGE)  # for a while, the embedder was down
        await _start_and_kill(services, tenant, tmp_path, database_urls)
        worker = build_worker(services)
        running = asyncio.create_task(worker.run())
        await _until(services, tenant, ready=DOCUMENTS)
        await worker.stop()
        await running
        async with services.database.transaction(tenant.scope) as session:
            rows = (await session.execute(PARTS)).all()
    assert len(rows) == DOCUMENTS
    for row in rows:
        assert row.status == "ready"
        assert row.chunks == row.ordinals == row.vectors == row.chunk_count == row.chunk_total > 128
        assert row.counted == row.term_count


async def _start_and_kill(
    services: Services, tenant: Principal, home: Path, urls: DatabaseUrls
) -> None:
    """A worker of its own, killed when one document is ready and another half written."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, str(home), urls.app, stderr=asyncio.subprocess.PIPE
    )
    try:
        await _until(services, tenant, ready=1, half=1)
    finally:
        process.kill()  # SIGKILL
        await process.communicate()
    assert process.returncode == -signal.SIGKILL
    async with services.database.transaction(tenant.scope) as session:
        assert (await session.execute(STATE)).one().ready < DOCUMENTS


async def _until(services: Services, tenant: Principal, *, ready: int, half: int = 0) -> None:
    async with asyncio.timeout(60):
        while True:
            async with services.database.transaction(tenant.scope) as session:
                state = (await session.execute(STATE)).one()
            if state.ready >= ready and state.half >= half:
                return
            await asyncio.sleep(0.02)
