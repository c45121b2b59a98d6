"""The contract's rows about admins."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from baukasten_serve.testing import Platform

from baukasten_core.testing.people import Person

pytestmark = pytest.mark.deployment

USER = {"id", "email", "is_active", "is_superuser", "is_verified", "is_admin", "created_at"}
FIGURES = {
    *("total_users", "admin_users", "regular_users", "total_projects", "total_documents"),
    *("total_chats", "system_health"),
}

Problem = Callable[..., dict]
Newcomer = Callable[..., Person]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/stats"),
        ("GET", "/admin/users"),
        ("GET", "/admin/users/{}"),
        ("PATCH", "/admin/users/{}"),
        ("DELETE", "/admin/users/{}"),
        ("GET", "/admin/audit"),
    ],
)
def test_everything_is_403_admin_privileges_required_to_others(
    ada: Person, problem: Problem, method: str, path: str
) -> None:
    body = {"json": {"is_admin": True}} if method == "PATCH" else {}
    answer = ada.call(method, path.format(ada.id), None, **body)
    problem(answer, 403, "Admin privileges required")
    assert not ada.get("/auth/me").json()["is_admin"]


def test_the_figures_follow_what_happens(admin: Person, newcomer: Newcomer) -> None:
    before = admin.get("/admin/stats").json()
    assert set(before) >= FIGURES
    person = newcomer()
    project = person.project("privategpt")
    person.ready(person.text("The heron waits for fish.", project))
    person.post(f"/privategpt/projects/{project}/ask", {"question": "Who waits for fish?"})
    after = admin.get("/admin/stats").json()
    for name in ("users", "projects", "documents", "chats"):
        assert after[f"total_{name}"] == before[f"total_{name}"] + 1
    assert after["regular_users"] == before["regular_users"] + 1
    assert after["admin_users"] == before["admin_users"]
    assert after["total_users"] == after["admin_users"] + after["regular_users"]
    assert after["system_health"] in ("healthy", "degraded")


def test_users_are_searched_and_paged(admin: Person, newcomer: Newcomer) -> None:
    mark = uuid4().hex[:12]
    made = [newcomer(email=f"{n}-{mark}@example.test").id for n in range(3)]
    pages = admin.pages(f"/admin/users?search={mark}&limit=2")
    assert [len(page) for page in pages] == [2, 1]
    assert [row["id"] for page in pages for row in page] == made[::-1]
    assert all(set(row) == USER for page in pages for row in page)
    assert admin.get("/admin/users", params={"search": "%" + mark}).json() == []


def test_an_admin_promotes_and_demotes(admin: Person, newcomer: Newcomer) -> None:
    person = newcomer()
    path = f"/admin/users/{person.id}"
    assert admin.patch(path, {"is_admin": True}).json()["is_superuser"]
    person.get("/admin/stats")  # at once, with the token that was there
    assert not admin.patch(path, {"is_superuser": False}).json()["is_admin"]
    person.get("/admin/stats", 403)


def test_a_deactivated_account_is_out_at_once(
    admin: Person, newcomer: Newcomer, problem: Problem
) -> None:
    person = newcomer()
    path = f"/admin/users/{person.id}"
    assert not admin.patch(path, {"is_active": False}).json()["is_active"]
    problem(person.get("/auth/me", None), 401, "Unauthorized")
    form = {"username": person.email, "password": person.password}
    problem(person.call("POST", "/auth/login", None, data=form), 400, "LOGIN_BAD_CREDENTIALS")
    admin.patch(path, {"is_active": True})
    person.sign_in()


def test_an_admin_deletes_an_account(admin: Person, newcomer: Newcomer, problem: Problem) -> None:
    person = newcomer()
    admin.delete(f"/admin/users/{person.id}")
    problem(admin.get(f"/admin/users/{person.id}", None), 404, "User not found")
    problem(person.get("/auth/me", None), 401, "Unauthorized")


def test_an_admin_can_not_delete_its_own_account(admin: Person, problem: Problem) -> None:
    for path in (f"/admin/users/{admin.id}", f"/users/{admin.id}"):
        problem(admin.delete(path, None), 400, "Cannot delete your own account")
    admin.get("/admin/stats")


def test_the_last_admin_can_not_be_demoted(admin: Person, problem: Problem) -> None:
    assert admin.get("/admin/stats").json()["admin_users"] == 1
    for change in ({"is_admin": False}, {"is_active": False}):
        problem(admin.patch(f"/admin/users/{admin.id}", change, None), 400)
    admin.get("/admin/stats")


def test_the_audit_log_says_who_did_what_and_no_content(
    admin: Person, newcomer: Newcomer, platform: Platform
) -> None:
    person = newcomer()
    admin.patch(f"/admin/users/{person.id}", {"is_admin": True})
    admin.patch(f"/admin/users/{person.id}", {"is_admin": False})
    entries = admin.get("/admin/audit?limit=100").json()
    mine = [entry for entry in entries if entry["object_id"] == person.id]
    assert [entry["action"] for entry in mine] == ["user.changed"] * 2
    assert mine
    assert all(entry["user_id"] == admin.id for entry in mine)
    assert person.email not in str(entries)
    pages = admin.get("/admin/audit?limit=1")
    assert len(pages.json()) == 1
    assert "next" in pages.links
