"""Projects: made at the beginning, deleted at the end with everything in them."""

from __future__ import annotations

from baukasten_serve.smoke.session import Session


def project(session: Session) -> None:
    """POST, GET and PATCH /projects."""
    made = session.made["project"] = session.project("other")
    path = f"/projects/{made}"
    session.json("PATCH", path, json={"name": "Smoke test"})
    session.check(session.json("GET", path)["name"] == "Smoke test")
    session.check(made in [item["id"] for item in session.json("GET", "/projects")])
    session.call("POST", "/projects", 422, json={"name": "Smoke", "type": "no_such_showcase"})


STEPS = (project,)


def delete_projects(session: Session) -> None:
    """DELETE /projects/{id} takes its documents along."""
    while session.projects:
        session.call("DELETE", f"/projects/{session.projects.pop()}", 204)
    session.call("GET", f"/projects/{session.id_of('project')}", 404)
    session.call("GET", f"/documents/{session.id_of('document')}", 404)
