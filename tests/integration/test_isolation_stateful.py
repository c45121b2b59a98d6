"""Isolation, with everything the application itself does taken away.

Random users, shared tenants, memberships and rows in every table that the catalogue knows (those
of showcases, vectors and postings included); raw SQL as the app role, on one connection that all
tenants share. Whatever happened before: nobody gets, writes or refers to a row of a tenant that
they are not in, and nobody sees what somebody else keeps private.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    multiple,
    rule,
    run_state_machine_as_test,
)
from psycopg import errors, sql
from psycopg.rows import dict_row

from baukasten_core.contracts.auth import Principal
from baukasten_core.databases import migrated_showcases
from baukasten_core.db.session import SET_SCOPE
from baukasten_core.plugins import PluginHost
from baukasten_core.testing.fixtures_db import DatabaseUrls, TestDatabases, create_user
from baukasten_core.testing.rows import OURS, Connection, Table, fill, row_values, tables

SPACE = "0123456789abcdef"
VECTORS = f"core.vectors_{SPACE}"

ACCOUNT_TABLES = {
    *("core.users", "core.tenants", "core.memberships", "core.sessions", "core.api_keys"),
    *("core.identities", "core.mail_tokens", "core.audit"),
}
"""Rows that follow their user, whatever tenant is chosen."""

ROOMS = frozenset(
    {"core.projects", "core.documents", "core.chunks", "core.postings", "core.messages", VECTORS}
)
REFUSED = (errors.InsufficientPrivilege, errors.ForeignKeyViolation)


@dataclass
class World:
    """The database: `root` sees everything, `app` is the one connection that all share."""

    urls: DatabaseUrls
    root: Connection
    app: Connection
    tables: dict[str, Table]

    @contextmanager
    def scope(
        self, user: UUID | None, tenant: UUID | None, project: UUID | None = None
    ) -> Iterator[Connection]:
        """A transaction as the platform makes it; undone at the end."""
        statement = re.sub(r":(\w+)", r"%(\1)s", str(SET_SCOPE))
        bound = {"tenant": tenant, "user": user, "project": project}
        with self.app.transaction(force_rollback=True):
            self.app.execute(statement, {name: str(value or "") for name, value in bound.items()})
            yield self.app

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """SELECT * without a condition; none where the app role may not even ask."""
        with self.app.cursor(row_factory=dict_row) as cursor:
            try:
                with self.app.transaction():
                    query = sql.SQL("SELECT * FROM {}").format(table.identifier)
                    return cursor.execute(query).fetchall()
            except errors.InsufficientPrivilege:
                return []


@dataclass
class Person:
    """A user, where they are a member, and what they have put in: (table, tenant, private).

    In the order in which it came about: ids are random, and a run must be repeatable.
    """

    principal: Principal
    tenants: list[UUID]
    made: list[tuple[str, UUID, bool]] = field(default_factory=list)


@pytest.fixture(scope="module")
def world(databases: TestDatabases) -> Iterator[World]:
    showcases = migrated_showcases(PluginHost.discover())
    urls = databases.create(*showcases)
    with (
        psycopg.connect(urls.owner, autocommit=True) as root,
        psycopg.connect(urls.app, autocommit=True, prepare_threshold=None) as app,
    ):
        root.execute("SELECT core.prepare_space(%s, 4)", [SPACE])
        found = tables(root)
        assert found.keys() >= ROOMS
        assert {name.split(".")[0] for name in found} >= {what.schema for what in showcases}
        yield World(urls, root, app, found)


class Isolation(RuleBasedStateMachine):
    people = Bundle("people")
    teams = Bundle("teams")
    world: World

    @rule(target=people, count=st.integers(2, 3))
    def sign_up(self, count: int) -> Any:
        made = [create_user(self.world.urls) for _ in range(count)]
        return multiple(*(Person(principal, [principal.tenant_id]) for principal in made))

    @rule(target=teams, founder=people)
    def found_a_team(self, founder: Person) -> UUID:
        team = uuid4()
        statement = "INSERT INTO core.tenants (id, name, residency) VALUES (%s, 'team', '{local}')"
        self.world.root.execute(statement, [team])
        self.join(founder, team)
        return team

    @rule(person=people, team=teams)
    def join(self, person: Person, team: UUID) -> None:
        self.world.root.execute(
            "INSERT INTO core.memberships (tenant_id, user_id, role) VALUES (%s, %s, 'member')"
            " ON CONFLICT DO NOTHING",
            [team, person.principal.user_id],
        )
        if team not in person.tenants:
            person.tenants.append(team)

    @rule(person=people, team=teams)
    def leave(self, person: Person, team: UUID) -> None:
        self.world.root.execute(
            "DELETE FROM core.memberships WHERE tenant_id = %s AND user_id = %s",
            [team, person.principal.user_id],
        )
        if team in person.tenants:
            person.tenants.remove(team)

    @rule(person=people, data=st.data(), private=st.booleans())
    def put_something_in(self, person: Person, data: st.DataObject, private: bool) -> None:
        """A row in every table: project, documents, chunks, vectors, chats, showcases' rows."""
        tenant = data.draw(st.sampled_from(person.tenants))
        owner = replace(person.principal, tenant_id=tenant)
        made = fill(self.world.root, owner, private=private, into=self.world.tables)
        person.made += [(name, tenant, bool(row.get("private"))) for name, row in made.items()]

    @rule(keeper=people, other=people, team=teams)
    def keep_something_private_in_a_team(self, keeper: Person, other: Person, team: UUID) -> None:
        for person in (keeper, other):
            self.join(person, team)
        owner = replace(keeper.principal, tenant_id=team)
        made = fill(self.world.root, owner, private=True, into=self.world.tables)
        keeper.made += [(name, team, True) for name in made]
        self.look(other, team)

    @rule(person=people, data=st.data())
    def look_at_everything(self, person: Person, data: st.DataObject) -> None:
        self.look(person, data.draw(st.sampled_from(person.tenants)))

    def look(self, person: Person, tenant: UUID) -> None:
        me = person.principal.user_id
        with self.world.scope(me, tenant):
            for name, table in self.world.tables.items():
                rows = self.world.rows(table)
                for row in rows:
                    self.check(name, row, person, tenant)
                if name in ROOMS:
                    mine = sum(made[:2] == (name, tenant) for made in person.made)
                    assert sum(row["user_id"] == me for row in rows) == mine, name

    @rule(person=people, data=st.data())
    def look_with_a_key_that_is_bound_to_a_project(
        self, person: Person, data: st.DataObject
    ) -> None:
        tenant = data.draw(st.sampled_from(person.tenants))
        query = "SELECT id FROM core.projects WHERE tenant_id = %s ORDER BY created_at"
        projects = [row[0] for row in self.world.root.execute(query, [tenant]).fetchall()]
        project = data.draw(st.sampled_from([*projects, uuid4()]))
        with self.world.scope(person.principal.user_id, tenant, project):
            for name, table in self.world.tables.items():
                for row in self.world.rows(table):
                    self.check(name, row, person, tenant)
                    if name == "core.projects":
                        assert row["id"] == project
                    elif "project_id" in row and name not in ACCOUNT_TABLES:
                        assert row["project_id"] == project, name

    def check(self, name: str, row: dict[str, Any], person: Person, tenant: UUID) -> None:
        me = person.principal.user_id
        if name == "core.users":
            assert row["id"] == me
        elif name == "core.tenants":
            assert row["id"] in person.tenants
        elif name in ACCOUNT_TABLES:
            assert row["user_id"] == me or row.get("tenant_id") == tenant, name
        elif "tenant_id" in row:
            assert row["tenant_id"] == tenant, name
            assert not row.get("private") or row["user_id"] == me, name
        else:
            assert name in OURS, f"{name} shows rows that are nobody's"

    @rule(victim=people, stranger=people, data=st.data())
    def search_as_a_stranger(self, victim: Person, stranger: Person, data: st.DataObject) -> None:
        """Through the indexes that searches use, with the victim's own ids and words."""
        tenant = data.draw(st.sampled_from(stranger.tenants))
        theirs = victim.principal.tenant_id
        if theirs in stranger.tenants:
            return
        with self.world.scope(stranger.principal.user_id, tenant) as app:
            app.execute("SET LOCAL enable_seqscan = off")
            for query in (
                f"SELECT tenant_id FROM {VECTORS} ORDER BY embedding <#> '[1,0,0,0]' LIMIT 100",
                "SELECT tenant_id FROM core.postings WHERE tenant_id = %(them)s",
                "SELECT tenant_id FROM core.chunks WHERE tenant_id = %(them)s",
                "SELECT tenant_id FROM core.documents WHERE user_id = %(user)s AND private",
            ):
                values = {"them": theirs, "user": victim.principal.user_id}
                found = app.execute(query, values).fetchall()
                assert {row[0] for row in found} <= {tenant}

    @rule()
    def look_without_being_anybody(self) -> None:
        with self.world.scope(None, None):
            for name, table in self.world.tables.items():
                if name not in OURS:
                    assert self.world.rows(table) == [], name

    @rule(victim=people, stranger=people)
    def write_into_another_tenant(self, victim: Person, stranger: Person) -> None:
        theirs = victim.principal.tenant_id
        if theirs in stranger.tenants:
            return
        me, known = stranger.principal, self.made_for_test(victim)
        with self.world.scope(me.user_id, me.tenant_id) as app:
            for name, table in self.world.tables.items():
                if "tenant_id" not in table.columns or name in OURS:
                    continue
                forged = row_values(table, replace(me, tenant_id=theirs), known)
                with pytest.raises(REFUSED), app.transaction():
                    app.execute(*insert(table, forged))
                # Nor can that tenant's rows be touched.
                for statement in ("UPDATE {} SET tenant_id = %(them)s", "DELETE FROM {}"):
                    query = sql.SQL(statement + " WHERE tenant_id = %(them)s")
                    with suppress(errors.InsufficientPrivilege), app.transaction():
                        done = app.execute(query.format(table.identifier), {"them": theirs})
                        assert done.rowcount == 0, name

    @rule(victim=people, stranger=people)
    def refer_to_a_row_of_another_tenant(self, victim: Person, stranger: Person) -> None:
        """A row of one's own that points to somebody else's project, document or chat."""
        me, theirs = stranger.principal, victim.principal.tenant_id
        if theirs in stranger.tenants:
            return
        foreign, own = self.made_for_test(victim), self.made_for_test(stranger)
        for name, table in self.world.tables.items():
            for target, columns, _ in table.keys:
                if "tenant_id" in columns and target in foreign and target not in ACCOUNT_TABLES:
                    self.refuse_reference(table, me, own, target, foreign[target])
                    assert name not in OURS

    def refuse_reference(
        self,
        table: Table,
        me: Principal,
        own: dict[str, dict[str, Any]],
        target: str,
        foreign: dict[str, Any],
    ) -> None:
        row = {**foreign, "tenant_id": me.tenant_id}
        row |= {"user_id": me.user_id} if "user_id" in row else {}
        statement = insert(table, row_values(table, me, {**own, target: row}))
        with self.world.scope(me.user_id, me.tenant_id) as app:
            # One's own row must not be in the way: it is the reference that has to be refused.
            with suppress(errors.InsufficientPrivilege), app.transaction():
                app.execute(sql.SQL("DELETE FROM {}").format(table.identifier))
            with pytest.raises(REFUSED), app.transaction():
                app.execute(*statement)

    def made_for_test(self, person: Person) -> dict[str, dict[str, Any]]:
        """A row of this person's in every table, to point at."""
        made = fill(self.world.root, person.principal, into=self.world.tables)
        tenant = person.principal.tenant_id
        person.made += [(name, tenant, False) for name in made]
        identity = {"tenant_id": tenant, "user_id": person.principal.user_id}
        return {
            "core.users": {"id": person.principal.user_id},
            "core.tenants": {"id": tenant},
            "core.memberships": identity,
            **made,
        }


def insert(table: Table, values: dict[str, Any]) -> tuple[sql.Composed, list[Any]]:
    query = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        table.identifier,
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(sql.Placeholder() * len(values)),
    )
    return query, list(values.values())


def test_nobody_gets_writes_or_refers_to_rows_of_a_tenant_they_are_not_in(world: World) -> None:
    machine = type("Machine", (Isolation,), {"world": world})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=20,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
