"""The contract's table "Projects", row by row."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from baukasten_core.testing.people import Person

pytestmark = pytest.mark.deployment

FIELDS = {
    *("id", "user_id", "name", "type", "description", "config", "residency"),
    *("created_at", "updated_at"),
}

Problem = Callable[..., dict]
Newcomer = Callable[..., Person]


def test_a_project_is_made_with_exactly_its_fields(ada: Person) -> None:
    body = {"name": "N", "type": "other", "description": "D", "config": {"a": [1, {"b": None}]}}
    made = ada.post("/projects", body, 201).json()
    assert set(made) == FIELDS
    assert {name: made[name] for name in body} == body
    assert made["user_id"] == ada.id


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("cv_matcher", "cv_matcher"),
        ("privategpt", "privategpt"),
        ("tellmelife", "tellmelife"),
        ("other", "other"),
        ("private_gpt", "privategpt"),
        ("tell_me_life", "tellmelife"),
    ],
)
def test_its_type_is_an_installed_showcase_or_other_and_old_spellings_are_taken(
    ada: Person, asked: str, given: str
) -> None:
    assert ada.get(f"/projects/{ada.project(asked)}").json()["type"] == given


def test_an_unknown_type_is_422_that_lists_the_installed_ones(
    ada: Person, problem: Problem
) -> None:
    answer = ada.post("/projects", {"name": "N", "type": "nothing"}, None)
    said = str(problem(answer, 422))
    for name in ("cv_matcher", "privategpt", "tellmelife", "other"):
        assert name in said


@pytest.mark.parametrize(
    "body",
    [
        {"type": "other"},
        {"name": "N"},
        {"name": "", "type": "other"},
        {"name": "x" * 256, "type": "other"},
        {"name": "N", "type": "other", "config": [1]},
        {"name": "N\x00", "type": "other"},
    ],
)
def test_a_project_that_does_not_fit_is_422(ada: Person, body: dict) -> None:
    ada.post("/projects", body, 422)


def test_names_of_1_and_of_255_characters_fit(ada: Person) -> None:
    for name in ("ß", "ü" * 255):
        assert ada.get(f"/projects/{ada.project(name=name)}").json()["name"] == name


def test_the_list_is_a_bare_array_newest_change_first(newcomer: Newcomer) -> None:
    person = newcomer()
    first, second, third = (person.project() for _ in range(3))
    person.patch(f"/projects/{first}", {"description": "Changed last"})
    listed = person.get("/projects").json()
    assert [row["id"] for row in listed] == [first, third, second]
    assert all(set(row) == FIELDS for row in listed)


def test_pages_follow_the_link_header(newcomer: Newcomer, problem: Problem) -> None:
    person = newcomer()
    made = [person.project() for _ in range(5)]
    pages = person.pages("/projects?limit=2")
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [row["id"] for page in pages for row in page] == made[::-1]
    problem(person.get("/projects?cursor=nonsense", None), 400)
    person.get("/projects?limit=0", 422)
    person.get("/projects?limit=101", 422)


def test_a_project_is_read_and_changed(ada: Person) -> None:
    project = ada.project(name="Before", config={"kept": False})
    changes = {"name": "After", "description": "D", "config": {"kept": True}}
    changed = ada.patch(f"/projects/{project}", changes).json()
    assert {name: changed[name] for name in changes} == changes
    assert changed["updated_at"] > changed["created_at"]
    assert ada.get(f"/projects/{project}").json() == changed
    part = ada.patch(f"/projects/{project}", {"description": None}).json()
    assert (part["name"], part["description"]) == ("After", None)
    ada.patch(f"/projects/{project}", {"name": ""}, 422)


def test_a_type_is_for_life(ada: Person) -> None:
    project = ada.project("other")
    ada.patch(f"/projects/{project}", {"type": "privategpt"}, None)
    assert ada.get(f"/projects/{project}").json()["type"] == "other"


def test_a_deleted_project_takes_everything_along(ada: Person, problem: Problem) -> None:
    project = ada.project("tellmelife")
    document = ada.ready(ada.text(f"A heron number {uuid4()} waits.", project))
    body = {"date": "2020-02-01", "text": "An entry that goes with its project."}
    entry = ada.post(f"/tellmelife/projects/{project}/entries", body, 201).json()
    assert ada.delete(f"/projects/{project}").content == b""
    for path in (
        f"/projects/{project}",
        f"/documents/{document['id']}",
        f"/documents/{document['id']}/file",
        f"/tellmelife/entries/{entry['id']}",
        f"/tellmelife/projects/{project}/entries",
    ):
        problem(ada.get(path, None), 404)
    found = ada.post("/documents/search", {"query": "heron number waits"}).json()
    assert document["id"] not in [hit["id"] for hit in found]


def test_a_project_of_another_user_is_404_for_every_call(
    ada: Person, bob: Person, problem: Problem
) -> None:
    path = f"/projects/{ada.project(name='Hers')}"
    for answer in (
        bob.get(path, None),
        bob.patch(path, {"name": "His"}, None),
        bob.delete(path, None),
    ):
        problem(answer, 404)
    assert ada.get(path).json()["name"] == "Hers"
