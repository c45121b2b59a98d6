"""`baukasten smoke`: the contract's calls, room by room, as a client makes them."""

from __future__ import annotations

from baukasten_serve.smoke import accounts, admin, documents, llm, projects, showcases, system
from baukasten_serve.smoke import tenants as tenants
from baukasten_serve.smoke.session import Step


def steps(*, own: bool) -> list[Step]:
    """In order; later ones use what earlier ones made. Own: the account is made for this run."""
    return [
        *system.STEPS,
        *([accounts.register] if own else []),
        accounts.login,
        *accounts.STEPS,
        tenants.mine,
        *([tenants.shared] if own else []),
        *projects.STEPS,
        *documents.STEPS,
        *llm.STEPS,
        *showcases.STEPS,
        *admin.STEPS,
    ]


def last_steps(*, own: bool) -> list[Step]:
    """What deletes again what was made; for an interrupted run, too."""
    end = [accounts.export, accounts.everywhere, accounts.delete_me] if own else [accounts.sign_out]
    return [documents.delete_document, projects.delete_projects, *end]
