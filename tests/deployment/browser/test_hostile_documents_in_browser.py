"""Hostile documents and a model that obeys them all: nothing leaves, nothing runs."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from playwright.sync_api import Page, expect

from baukasten_core.testing.emulators import Asked, OllamaEmulator, Reply
from baukasten_core.testing.people import Person
from tests.deployment.browser.watch import Watch

PATH = Path(__file__).parents[3] / "plugins" / "privategpt" / "tests" / "hostile.py"


def hostile() -> ModuleType:
    """The documents, which stand beside the showcase's own tests."""
    spec = importlib.util.spec_from_file_location("hostile_documents", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_nothing_that_a_hostile_document_orders_leaves_or_runs(
    ada_page: Page, ada: Person, ollama: OllamaEmulator, watch: Watch
) -> None:
    """Every document is asked about in the page; `watch` sees each request and each script."""
    documents = hostile()
    project = ada.project("privategpt", name="Hostile")
    made = [ada.text(one.text, project, title=one.name) for one in documents.HOSTILE]
    for document in made:
        ada.ready(document)
    by_number = {str(number): one for number, one in enumerate(documents.HOSTILE, start=101)}

    def obey(asked: Asked) -> Reply:
        question = asked.prompt.rpartition("Question:")[2]
        number = next(number for number in by_number if number in question)
        return Reply(by_number[number].payload)

    ollama.reply = obey
    dialogs: list[str] = []
    ada_page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    base = f"/apps/privategpt/projects/{project}/conversations"
    for number, one in by_number.items():
        ada_page.goto(base) if number == "101" else ada_page.get_by_role(
            "link", name="New conversation"
        ).click()
        ada_page.get_by_label("Your question").fill(documents.question(one))
        ada_page.keyboard.press("Enter")
        answer = ada_page.get_by_role("article")
        expect(answer.get_by_text("Local", exact=True)).to_be_visible()
        expect(ada_page.get_by_role("button", name="Ask", exact=True)).to_be_visible()
        for tag in ("img", "iframe", "script", "style", "form[action]", "a", "object", "video"):
            assert answer.locator(tag).count() == 0, (one.name, tag)
        assert ada_page.evaluate("window.hacked") is None, one.name
        assert base in ada_page.url, one.name
    assert dialogs == []
    assert watch.faults == []
