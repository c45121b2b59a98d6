"""The contract's rows about users: one's own profile, export, erasure."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from uuid import UUID, uuid4

import httpx
import pytest

from baukasten_core.testing.inbox import Inbox
from baukasten_core.testing.people import Person

pytestmark = pytest.mark.deployment

Problem = Callable[..., dict]
Newcomer = Callable[..., Person]


def test_my_profile_has_the_fields_of_a_user(ada: Person) -> None:
    profile = ada.get("/users/me").json()
    assert set(ada.get("/auth/me").json()) <= set(profile)
    assert profile["id"] == ada.id


def test_a_new_password_signs_in_and_the_old_one_does_not(newcomer: Newcomer) -> None:
    person, old = newcomer(), newcomer().password
    person.patch("/users/me", {"password": "a new password of nobody"})
    form = {"username": person.email, "password": old}
    person.call("POST", "/auth/login", 400, data=form)
    person.password = "a new password of nobody"
    person.sign_in()


def test_a_new_address_is_taken_and_has_to_be_verified_again(
    newcomer: Newcomer, inbox: Inbox
) -> None:
    person = newcomer()
    person.post("/auth/verify", {"token": inbox.token(person.email)})
    moved = f"{uuid4().hex}@example.test"
    profile = person.patch("/users/me", {"email": moved}).json()
    assert (profile["email"], profile["is_verified"]) == (moved, False)
    person.post("/auth/verify", {"token": inbox.token(moved)})


def test_an_address_that_somebody_has_is_400_update_user_email_already_exists(
    ada: Person, bob: Person, admin: Person, problem: Problem
) -> None:
    literal = "UPDATE_USER_EMAIL_ALREADY_EXISTS"
    problem(ada.patch("/users/me", {"email": bob.email}, None), 400, literal)
    problem(admin.patch(f"/users/{ada.id}", {"email": bob.email}, None), 400, literal)


def test_nobody_gives_themselves_a_role(newcomer: Newcomer) -> None:
    person = newcomer()
    roles = {"is_admin": True, "is_superuser": True, "is_verified": True, "is_active": False}
    person.patch("/users/me", roles)
    me = person.get("/auth/me").json()
    assert not (me["is_admin"])
    assert not (me["is_superuser"])
    assert not (me["is_verified"])
    assert me["is_active"]


def test_the_export_is_a_zip_with_json_its_schema_and_the_original_files(
    newcomer: Newcomer,
) -> None:
    person = newcomer()
    project = person.project(name="To be exported")
    original = f"An original file, {uuid4()}.".encode()
    document = person.upload("original.txt", original, project_id=project).json()
    person.ready(document)
    answer = person.get("/users/me/export")
    assert answer.headers["content-type"] == "application/zip"
    assert "attachment" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    assert archive.testzip() is None if archive.fp else True
    assert original in held.values()
    assert any("schema" in name for name in held)
    texts = {name: data.decode() for name, data in held.items() if name.endswith(".json")}
    for text in texts.values():
        json.loads(text)
    for known in (person.email, "To be exported", document["id"]):
        assert any(known in text for text in texts.values()), known


def test_the_export_has_nothing_of_anybody_else(newcomer: Newcomer, ada: Person) -> None:
    person = newcomer()
    secret = uuid4().hex
    ada.text(f"Only Ada knows {secret}.")
    answer = person.get("/users/me/export").content
    with zipfile.ZipFile(io.BytesIO(answer)) as archive:
        for name in archive.namelist():
            assert secret.encode() not in archive.read(name)
            assert ada.email.encode() not in archive.read(name)


def test_deleting_myself_leaves_nothing_and_gives_a_receipt(
    newcomer: Newcomer, admin: Person, anybody: httpx.Client, problem: Problem
) -> None:
    person = newcomer()
    project = person.project("privategpt")
    person.ready(person.text("The heron waits for fish.", project))
    person.post(f"/privategpt/projects/{project}/ask", {"question": "Who waits for fish?"})
    answer = person.delete("/users/me")
    assert answer.headers["x-erasure-receipt"].count(".") == 2  # a JWS
    receipt = anybody.get(answer.links["receipt"]["url"]).json()
    UUID(receipt["receipt"])
    assert receipt["verified"]
    assert any(rows["before"] for rows in receipt["rows"].values())
    assert not any(rows["after"] for rows in receipt["rows"].values())
    assert person.email not in json.dumps(receipt)
    problem(person.get("/auth/me", None), 401, "Unauthorized")
    form = {"username": person.email, "password": person.password}
    problem(person.call("POST", "/auth/login", None, data=form), 400, "LOGIN_BAD_CREDENTIALS")
    problem(admin.get(f"/users/{person.id}", None), 404, "User not found")


# --- /users/{user_id}: admins ---------------------------------------------------------------


def test_users_are_read_changed_and_deleted_by_admins(admin: Person, newcomer: Newcomer) -> None:
    person = newcomer()
    path = f"/users/{person.id}"
    assert admin.get(path).json() == person.get("/auth/me").json()
    changed = admin.patch(path, {"is_verified": True}).json()
    assert changed["is_verified"]
    assert admin.delete(path).content == b""


def test_a_user_that_is_not_there_is_404_user_not_found(admin: Person, problem: Problem) -> None:
    path = f"/users/{uuid4()}"
    problem(admin.get(path, None), 404, "User not found")
    problem(admin.patch(path, {"is_verified": True}, None), 404, "User not found")
    problem(admin.delete(path, None), 404, "User not found")


def test_other_users_are_for_admins_alone(ada: Person, bob: Person, problem: Problem) -> None:
    path = f"/users/{bob.id}"
    for answer in (
        ada.get(path, None),
        ada.patch(path, {"is_admin": True}, None),
        ada.delete(path, None),
    ):
        problem(answer, 403, "Admin privileges required")
    bob.get("/auth/me")
