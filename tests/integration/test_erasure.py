"""Erasing a user leaves nothing, in no table and no store, and proves it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from uuid import UUID, uuid4

import numpy as np
import psycopg
import pytest
import pytest_asyncio
from psycopg import sql
from sqlalchemy import text

from baukasten_core.contracts.auth import Principal, Scope
from baukasten_core.contracts.embedding import EmbeddingSpace
from baukasten_core.contracts.storage import BlobStore, VectorStore
from baukasten_core.db.session import Database
from baukasten_core.documents.files import file_key
from baukasten_core.documents.outside import ERASE, Outside
from baukasten_core.errors import BadRequest, Forbidden, NotFound, Unavailable
from baukasten_core.jobs import Jobs
from baukasten_core.privacy import audit
from baukasten_core.privacy.erasure import Eraser
from baukasten_core.privacy.receipts import Receipts, is_about
from baukasten_core.providers.storage.pgvector_store import PgVectorConfig, PgVectorStore
from baukasten_core.testing.fakes import MemoryBlobStore, MemoryVectorStore
from baukasten_core.testing.fixtures_db import DatabaseUrls, create_user
from baukasten_core.testing.rows import Connection, add_row, fill, tables

SPACE = "0123456789abcdef"


@pytest.fixture
def connection(database_urls: DatabaseUrls) -> Iterator[Connection]:
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        connection.execute("SELECT core.prepare_space(%s, 4)", [SPACE])
        yield connection


@pytest_asyncio.fixture(loop_scope="session")
async def blobs() -> MemoryBlobStore:
    return MemoryBlobStore()


@pytest.fixture
def eraser(database: Database, blobs: MemoryBlobStore) -> Eraser:
    return eraser_of(database, blobs, PgVectorStore(PgVectorConfig()))


def eraser_of(database: Database, blobs: BlobStore, vectors: VectorStore) -> Eraser:
    return Eraser(database, Outside(database, blobs, vectors, Jobs()), Receipts("a secret"))


async def once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def store_file(connection: Connection, blobs: MemoryBlobStore, row: dict[str, object]) -> str:
    connection.execute("UPDATE core.documents SET stored = true WHERE id = %s", [row["id"]])
    key = file_key(row["tenant_id"], row["project_id"], row["id"])  # type: ignore[arg-type]
    await blobs.put(key, once(b"original"))
    return key


def count_rows(connection: Connection, user_id: UUID, tenant_id: UUID) -> dict[str, int]:
    """Rows of a user or their tenant, by table, read past row-level security."""
    counts = {}
    for name, table in tables(connection).items():
        condition = table.condition()
        if condition is not None:
            query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(table.identifier, condition)
            row = connection.execute(query, {"user": user_id, "tenant": tenant_id}).fetchone()
            counts[name] = row[0] if row else 0
    return counts


async def test_nothing_is_left_in_any_table_or_store_and_others_keep_theirs(
    connection: Connection,
    database: Database,
    blobs: MemoryBlobStore,
    eraser: Eraser,
    tenant: Principal,
    stranger: Principal,
) -> None:
    mine, theirs = fill(connection, tenant, private=True), fill(connection, stranger)
    await store_file(connection, blobs, mine["core.documents"])
    kept = await store_file(connection, blobs, theirs["core.documents"])
    async with database.transaction(tenant.scope) as session:
        await Jobs().enqueue(session, tenant, "ingest", document_id=mine["core.documents"]["id"])
        await audit.record(session, tenant, "something.happened")
    before = count_rows(connection, tenant.user_id, tenant.tenant_id)
    assert {name for name, count in before.items() if not count} <= {"core.erasures"}
    others = count_rows(connection, stranger.user_id, stranger.tenant_id)

    receipt = await eraser.erase(tenant.user_id, tenant.scope)

    assert set(count_rows(connection, tenant.user_id, tenant.tenant_id).values()) == {0}
    assert count_rows(connection, stranger.user_id, stranger.tenant_id) == others
    assert set(blobs.files) == {kept}
    assert all(rows["after"] == 0 for rows in receipt.body["rows"].values())
    assert receipt.body["rows"]["jobs.procrastinate_jobs"] == {"before": 1, "after": 0}
    assert receipt.body["rows"][f"core.vectors_{SPACE}"] == {"before": 1, "after": 0}
    assert receipt.body["files"] == 1


async def test_the_receipt_is_kept_names_nobody_and_can_be_proved(
    connection: Connection, database: Database, eraser: Eraser, tenant: Principal
) -> None:
    receipt = await eraser.erase(tenant.user_id, tenant.scope)
    async with database.transaction() as session:
        assert await eraser.receipts.find(session, receipt.id) == receipt
        with pytest.raises(NotFound):
            await eraser.receipts.find(session, uuid4())
    short = eraser.receipts.read(receipt.signed)
    assert short is not None
    assert short["sha256"] == receipt.sha256
    assert is_about(short, tenant.user_id)
    assert not is_about(short, uuid4())
    assert Receipts("another secret").read(receipt.signed) is None
    row = connection.execute("SELECT a::text FROM core.audit a WHERE id = %s", [receipt.id])
    kept = str(row.fetchone())
    for secret in (str(tenant.user_id), str(tenant.tenant_id), tenant.email):
        assert secret not in kept


@pytest.mark.parametrize(("verified", "left"), [(False, 1), (True, 0)])
async def test_an_invitation_goes_with_an_account_that_has_proved_its_address(
    connection: Connection,
    eraser: Eraser,
    tenant: Principal,
    stranger: Principal,
    verified: bool,
    left: int,
) -> None:
    """Whoever signs up with somebody else's address can't erase what was sent to it."""
    change = "UPDATE core.users SET is_verified = %s WHERE id = %s"
    connection.execute(change, [verified, tenant.user_id])
    add_row(connection, tables(connection)["core.invitations"], stranger, {}, email=tenant.email)
    receipt = await eraser.erase(tenant.user_id, tenant.scope)
    query = "SELECT count(*) FROM core.invitations WHERE email = %s"
    assert connection.execute(query, [tenant.email]).fetchone() == (left,)
    assert receipt.body["rows"]["core.invitations"] == {"before": 1 - left, "after": 0}


async def test_an_entry_of_the_audit_log_stays_and_forgets_who_it_was(
    connection: Connection, database: Database, eraser: Eraser, tenant: Principal
) -> None:
    async with database.transaction(tenant.scope) as session:
        entry = await audit.record(session, tenant, "account.changed", object_id=tenant.user_id)
    await eraser.erase(tenant.user_id, tenant.scope)
    row = connection.execute(
        "SELECT action, user_id, tenant_id, object_id FROM core.audit WHERE id = %s", [entry]
    ).fetchone()
    assert row == ("account.changed", None, None, None)


# --- shared tenants -----------------------------------------------------------------------


def share(connection: Connection, *members: tuple[Principal, str]) -> UUID:
    """A team with these members, oldest first."""
    tenant_id = uuid4()
    connection.execute(
        "INSERT INTO core.tenants (id, name, residency) VALUES (%s, 'team', '{local}')", [tenant_id]
    )
    for age, (member, role) in enumerate(members):
        connection.execute(
            "INSERT INTO core.memberships (tenant_id, user_id, role, created_at)"
            " VALUES (%s, %s, %s, now() + make_interval(secs => %s))",
            [tenant_id, member.user_id, role, age],
        )
    return tenant_id


@pytest.mark.parametrize(
    ("roles", "heir"),
    [(("member", "admin", "owner"), 2), (("member", "admin"), 1), (("member", "member"), 0)],
)
async def test_a_shared_project_passes_to_the_oldest_owner_admin_or_member(
    connection: Connection,
    database_urls: DatabaseUrls,
    eraser: Eraser,
    tenant: Principal,
    roles: tuple[str, ...],
    heir: int,
) -> None:
    others = [create_user(database_urls) for _ in roles]
    team = share(connection, (tenant, "owner"), *zip(others, roles, strict=True))
    mine = fill(connection, replace(tenant, tenant_id=team))
    theirs = add_row(
        connection,
        tables(connection)["core.documents"],
        replace(others[0], tenant_id=team),
        {"core.projects": mine["core.projects"]},
    )
    receipt = await eraser.erase(tenant.user_id, tenant.scope)
    project = connection.execute(
        "SELECT user_id FROM core.projects WHERE id = %s", [mine["core.projects"]["id"]]
    ).fetchone()
    assert project == (others[heir].user_id,)
    assert receipt.body["projects_handed_over"] == 1
    left = connection.execute("SELECT id FROM core.documents WHERE tenant_id = %s", [team])
    assert left.fetchall() == [(theirs["id"],)]
    roles_left = connection.execute(
        "SELECT user_id FROM core.memberships WHERE tenant_id = %s AND role = 'owner'", [team]
    )
    assert (others[heir].user_id,) in roles_left.fetchall()


async def test_a_shared_tenant_nobody_else_is_in_goes(
    connection: Connection, blobs: MemoryBlobStore, eraser: Eraser, tenant: Principal
) -> None:
    team = share(connection, (tenant, "owner"))
    rows = fill(connection, replace(tenant, tenant_id=team))
    await store_file(connection, blobs, rows["core.documents"])
    await eraser.erase(tenant.user_id, tenant.scope)
    assert set(count_rows(connection, tenant.user_id, team).values()) == {0}
    assert not blobs.files


# --- who may, and what may go wrong -------------------------------------------------------


async def test_nobody_but_oneself_and_an_admin_can_erase_an_account(
    connection: Connection,
    database: Database,
    eraser: Eraser,
    tenant: Principal,
    stranger: Principal,
) -> None:
    for actor in (stranger.scope, Scope()):
        with pytest.raises(Forbidden):
            await eraser.erase(tenant.user_id, actor)
    connection.execute("UPDATE core.users SET is_admin = true WHERE id = %s", [stranger.user_id])
    with pytest.raises(NotFound):
        await eraser.erase(uuid4(), stranger.scope)
    receipt = await eraser.erase(tenant.user_id, stranger.scope)
    async with database.transaction(stranger.scope) as session:
        entries = await audit.list_entries(session, limit=1)
    assert (entries[0].id, entries[0].user_id) == (receipt.id, stranger.user_id)
    with pytest.raises(BadRequest, match="last admin"):
        await eraser.erase(stranger.user_id, stranger.scope)


class BrokenBlobStore(MemoryBlobStore):
    async def delete(self, prefix: str) -> int:
        raise Unavailable("The blob store is down.")


async def test_an_interrupted_erasure_shuts_the_account_and_is_ended_later(
    connection: Connection, database: Database, eraser: Eraser, tenant: Principal
) -> None:
    fill(connection, tenant)
    broken = eraser_of(database, BrokenBlobStore(), PgVectorStore(PgVectorConfig()))
    with pytest.raises(Unavailable, match="closed"):
        await broken.erase(tenant.user_id, tenant.scope)
    active = connection.execute("SELECT is_active FROM core.users WHERE id = %s", [tenant.user_id])
    assert active.fetchone() == (False,)
    assert await broken.resume(older_than="0 seconds") == 0
    assert await eraser.resume(older_than="0 seconds") == 1
    assert set(count_rows(connection, tenant.user_id, tenant.tenant_id).values()) == {0}


async def test_the_functions_of_erasure_do_nothing_for_others(
    connection: Connection, database: Database, tenant: Principal, stranger: Principal
) -> None:
    fill(connection, tenant)
    connection.execute("INSERT INTO core.erasures VALUES (%s)", [tenant.user_id])
    before = count_rows(connection, tenant.user_id, tenant.tenant_id)
    calls = {
        "erase_user(:user, gen_random_uuid(), 0)": [None],
        "erase_rows(:user)": [""],
        "hand_over_projects(:user)": [0],
        "held_about(:user)": [],
        "files_of(:user)": [],
        "tenants_that_go(:user)": [],
    }
    for call, answer in calls.items():
        async with database.transaction(stranger.scope) as session:
            rows = await session.execute(
                text(f"SELECT r.* FROM core.{call} AS r"), {"user": tenant.user_id}
            )
            assert [row[0] for row in rows] == answer, call
    assert count_rows(connection, tenant.user_id, tenant.tenant_id) == before


async def test_a_file_whose_deletion_still_waits_as_a_job_is_deleted(
    connection: Connection,
    database: Database,
    blobs: MemoryBlobStore,
    eraser: Eraser,
    tenant: Principal,
    stranger: Principal,
) -> None:
    guest = replace(tenant, tenant_id=share(connection, (tenant, "member"), (stranger, "owner")))
    rows = fill(connection, guest)
    document, project = rows["core.documents"]["id"], rows["core.projects"]["id"]
    await store_file(connection, blobs, rows["core.documents"])
    async with database.transaction(guest.scope) as session:
        ids = {"document_id": document, "project_id": project}
        await Jobs().enqueue(session, guest, ERASE, **ids)
    connection.execute("DELETE FROM core.documents WHERE id = %s", [document])
    await eraser.erase(tenant.user_id, tenant.scope)
    assert not blobs.files


# --- what comes while an erasure is under way ---------------------------------------------


class InterruptedBlobStore(MemoryBlobStore):
    """Once a user's files have been deleted, and before the rows are, something happens."""

    def __init__(
        self, owner: Principal, happens: Callable[[MemoryBlobStore], Awaitable[None]]
    ) -> None:
        super().__init__()
        self.deletions = 0
        self._prefix = f"{owner.tenant_id}/"
        self._happens = happens

    async def delete(self, prefix: str) -> int:
        deleted = await super().delete(prefix)
        self.deletions += prefix == self._prefix
        if prefix == self._prefix and self.deletions == 2:  # the second makes sure of the first
            await self._happens(self)
        return deleted


async def test_a_file_that_an_upload_stores_between_the_two_steps_is_deleted(
    connection: Connection, database: Database, tenant: Principal
) -> None:
    async def upload(blobs: MemoryBlobStore) -> None:
        """Its row went in, or came too late: either way the file is there now."""
        await blobs.put(file_key(tenant.tenant_id, None, uuid4()), once(b"late"))

    fill(connection, tenant)
    blobs = InterruptedBlobStore(tenant, upload)
    eraser = eraser_of(database, blobs, PgVectorStore(PgVectorConfig()))
    await eraser.erase(tenant.user_id, tenant.scope)
    assert blobs.deletions > 2
    assert not blobs.files


async def test_also_in_a_tenant_that_stays(
    connection: Connection, database: Database, tenant: Principal, stranger: Principal
) -> None:
    guest = replace(tenant, tenant_id=share(connection, (tenant, "member"), (stranger, "owner")))

    async def upload(blobs: MemoryBlobStore) -> None:
        row = add_row(connection, tables(connection)["core.documents"], guest, {})
        await store_file(connection, blobs, row)

    blobs = InterruptedBlobStore(tenant, upload)
    eraser = eraser_of(database, blobs, PgVectorStore(PgVectorConfig()))
    await eraser.erase(tenant.user_id, tenant.scope)
    assert blobs.deletions > 2
    assert not blobs.files


async def test_a_resumed_erasure_looks_again_too(
    connection: Connection, database: Database, tenant: Principal
) -> None:
    async def upload(blobs: MemoryBlobStore) -> None:
        await blobs.put(file_key(tenant.tenant_id, None, uuid4()), once(b"late"))

    connection.execute("INSERT INTO core.erasures VALUES (%s)", [tenant.user_id])
    blobs = InterruptedBlobStore(tenant, upload)
    eraser = eraser_of(database, blobs, PgVectorStore(PgVectorConfig()))
    assert await eraser.resume(older_than="0 seconds") >= 1
    assert blobs.deletions > 2
    assert not blobs.files


async def test_a_file_of_a_process_that_was_killed_later_is_found_by_a_job(
    connection: Connection,
    database: Database,
    blobs: MemoryBlobStore,
    eraser: Eraser,
    tenant: Principal,
) -> None:
    await eraser.erase(tenant.user_id, tenant.scope)
    await blobs.put(file_key(tenant.tenant_id, uuid4(), uuid4()), once(b"very late"))
    query = (
        "SELECT args, scheduled_at > now() + interval '50 minutes' FROM jobs.procrastinate_jobs"
        " WHERE task_name = %s AND args->>'tenant_id' = %s"
    )
    rows = connection.execute(query, [ERASE, str(tenant.tenant_id)]).fetchall()
    assert [(args["user_id"], args["ids"], late) for args, late in rows] == [(None, {}, True)]
    vectors = PgVectorStore(PgVectorConfig())
    (handler,) = Outside(database, blobs, vectors, Jobs()).handlers().values()
    await handler.run(Scope(tenant_id=tenant.tenant_id))
    assert not blobs.files


async def test_vectors_in_a_store_outside_of_postgresql_go_too(
    connection: Connection,
    database: Database,
    blobs: MemoryBlobStore,
    tenant: Principal,
    stranger: Principal,
) -> None:
    """Also what a guest put into a tenant that goes."""
    guest = replace(tenant, tenant_id=share(connection, (tenant, "member"), (stranger, "owner")))
    vectors, space = MemoryVectorStore(), EmbeddingSpace("test", "erasure", "1", dimensions=4)
    for owner in (tenant, guest, replace(guest, user_id=stranger.user_id)):
        chunk = fill(connection, owner)["core.chunks"]["id"]
        async with database.transaction(owner.scope) as session:
            one = np.ones((1, 4), dtype=np.float32) / 2
            await vectors.add(session, space, owner.tenant_id, [chunk], one)
    assert len(vectors.vectors) == 3
    await eraser_of(database, blobs, vectors).erase(tenant.user_id, tenant.scope)
    (left,) = vectors.vectors.values()
    assert left.tenant_id == guest.tenant_id
