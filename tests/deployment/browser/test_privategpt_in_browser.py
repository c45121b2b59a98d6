"""PrivateGPT as people use it: ask, see where the answer comes from, go on."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from baukasten_serve.testing import Platform
from playwright.sync_api import Locator, Page, Route, expect

from baukasten_core.testing.emulators import OllamaEmulator, OpenAIEmulator, Reply
from baukasten_core.testing.people import Person
from tests.deployment.browser.cable import cable_to
from tests.deployment.browser.watch import Open, Watch

TEXT = (
    "Maintenance of pumps. The pump must be switched off before its filter is changed. "
    "The filter is changed every six weeks. Oil is checked on Mondays."
)
QUESTION = "When is the filter of the pump changed?"


class Library:
    """A library with one document, open in a browser at a new conversation."""

    def __init__(self, page: Page, person: Person, name: str) -> None:
        self.page, self.person = page, person
        self.project = person.project("privategpt", name=name)
        self.document = person.ready(person.text(TEXT, self.project, title="Pumps"))["id"]
        self.base = f"/apps/privategpt/projects/{self.project}"

    def open(self) -> None:
        self.page.goto(f"{self.base}/conversations")

    def ask(self, question: str = QUESTION) -> Locator:
        """Ask, and wait for the end of the answer."""
        self.page.get_by_label("Your question").fill(question)
        self.page.keyboard.press("Enter")
        return self.finished()

    def finished(self) -> Locator:
        expect(self.page.get_by_role("button", name="Ask", exact=True)).to_be_visible()
        return self.page.get_by_role("article").last


@pytest.fixture
def library(
    ada_page: Page, ada: Person, ollama: OllamaEmulator, request: pytest.FixtureRequest
) -> Library:
    ollama.reply = Reply("It is changed **every six weeks** [1].")
    library = Library(ada_page, ada, request.node.name[:60])
    library.open()
    return library


def test_an_answer_says_who_gave_it_and_opens_the_passage_it_rests_on(library: Library) -> None:
    answer = library.ask()
    expect(answer).to_contain_text("every six weeks")
    expect(answer.get_by_text("Local", exact=True)).to_be_visible()
    expect(answer.get_by_text("tiny:latest · ollama")).to_be_visible()
    expect(answer.get_by_text(re.compile(r"\d+ \+ \d+ tokens"))).to_be_visible()
    expect(answer.get_by_text(re.compile("first word after"))).to_be_visible()
    answer.get_by_role("button", name="Source 1: Pumps").click()
    dialog = library.page.get_by_role("dialog")
    expect(dialog.locator("mark")).to_have_text("The filter is changed every six weeks.")


def test_a_conversation_is_there_again_after_a_reload(library: Library) -> None:
    library.ask()
    expect(library.page).to_have_url(re.compile("/conversations/[0-9a-f-]{36}$"))
    library.page.reload()
    answer = library.page.get_by_role("article")
    expect(answer).to_contain_text("every six weeks")
    expect(answer.get_by_role("button", name="Source 1: Pumps")).to_be_visible()


def test_an_answer_can_be_stopped_and_what_was_said_stays(
    library: Library, ollama: OllamaEmulator
) -> None:
    ollama.reply = Reply("Every six weeks it is changed [1]. " * 100)
    ollama.faults.piece_delay = 0.1
    library.page.get_by_label("Your question").fill(QUESTION)
    library.page.keyboard.press("Enter")
    expect(library.page.get_by_role("article")).to_contain_text("it is changed")
    library.page.get_by_role("button", name="Stop").click()
    expect(library.page.get_by_text("Stopped", exact=True)).to_be_visible()
    (asked,) = [one for one in ollama.requests if one.path == "/api/chat"]
    assert asked.left.wait(5), "the model goes on although nobody listens"
    expect(library.page).to_have_url(re.compile("/conversations/[0-9a-f-]{36}$"))
    library.page.reload()
    stopped = library.page.get_by_role("article")
    expect(stopped).to_contain_text("it is changed")
    expect(stopped.get_by_text("Stopped", exact=True)).to_be_visible()
    ollama.faults.piece_delay = 0.0
    ollama.reply = Reply("Every six weeks [1].")
    library.page.get_by_role("button", name="Ask again").click()
    expect(stopped).to_contain_text("Every six weeks")
    expect(library.page.get_by_role("article")).to_have_count(1)


def test_an_answer_that_loses_its_connection_says_so_and_what_was_said_comes_back(
    open_page: Open, ada: Person, ollama: OllamaEmulator, platform: Platform, watch: Watch
) -> None:
    ollama.reply = Reply("Every six weeks it is changed [1]. " * 100)
    ollama.faults.piece_delay = 0.1
    watch.expects("request left the platform")  # through the cable
    with cable_to(platform.url) as cable:
        library = Library(open_page(ada, base_url=cable.url), ada, "Cut off")
        library.open()
        library.page.get_by_label("Your question").fill(QUESTION)
        library.page.keyboard.press("Enter")
        article = library.page.get_by_role("article")
        expect(article).to_contain_text("it is changed")
        cable.cut()
        expect(article.get_by_text("The platform can't be reached.")).to_be_visible()
        cable.mend()
        expect(library.page).to_have_url(re.compile("/conversations/[0-9a-f-]{36}$"))
        expect(article.get_by_text("Stopped", exact=True)).to_be_visible()
        expect(article).to_contain_text("it is changed")


def test_a_question_is_edited_and_asked_again_in_its_place(
    library: Library, ollama: OllamaEmulator
) -> None:
    library.ask()
    ollama.reply = Reply("On Mondays [1].")
    library.page.get_by_role("button", name="Edit the question").click()
    library.page.get_by_role("article").get_by_label("Your question").fill("When is oil checked?")
    library.page.get_by_role("button", name="Ask this instead").click()
    answer = library.finished()
    expect(answer).to_contain_text("On Mondays")
    expect(library.page.get_by_role("article")).to_have_count(1)
    ollama.reply = Reply("Each Monday [1].")
    library.page.get_by_role("button", name="Ask again").click()
    expect(library.finished()).to_contain_text("Each Monday")
    library.page.reload()
    expect(library.page.get_by_role("article")).to_have_count(1)
    expect(library.page.get_by_role("article")).to_contain_text("Each Monday")


def test_a_follow_up_is_understood_from_the_conversation(
    library: Library, ollama: OllamaEmulator
) -> None:
    library.ask()

    def reply(asked: object) -> Reply:
        condensing = "one question" in str(asked.messages[0])  # type: ignore[attr-defined]
        return Reply("When is the oil checked?" if condensing else "On Mondays [1].")

    ollama.reply = reply
    answer = library.ask("And the oil?")
    expect(answer).to_contain_text("On Mondays")
    expect(answer.get_by_role("button", name="Source 1: Pumps")).to_be_visible()


def test_conversations_are_searched_renamed_taken_along_and_deleted(library: Library) -> None:
    page = library.page
    library.ask()
    expect(page).to_have_url(re.compile("/conversations/[0-9a-f-]{36}$"))
    side = page.get_by_role("navigation", name="Conversations")
    side.get_by_label("More about").click()
    side.get_by_role("button", name="Rename").click()
    page.get_by_label("Title").fill("About filters")
    page.get_by_role("button", name="Save").click()
    expect(side.get_by_role("link", name="About filters")).to_be_visible()
    side.get_by_label("Search in conversations").fill("herons")
    expect(side.get_by_text("No conversation has these words.")).to_be_visible()
    side.get_by_label("Search in conversations").fill("SIX WEEKS")
    expect(side.get_by_role("link", name="About filters")).to_be_visible()
    for form in ("Markdown", "JSON", "PDF"):
        side.get_by_label("More about").click()
        with page.expect_download() as download:
            side.get_by_role("button", name=f"Take along as {form}").click()
        assert download.value.suggested_filename.startswith("About filters.")
        page.keyboard.press("Escape")
    side.get_by_label("More about").click()
    side.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile("/conversations$"))
    url = f"/privategpt/projects/{library.project}/conversations"
    assert library.person.get(url).json() == []


def test_an_answer_looks_only_in_the_documents_that_were_chosen(library: Library) -> None:
    library.person.ready(
        library.person.text("Invoices are sent on the first.", library.project, title="Invoices")
    )
    library.page.get_by_role("button", name="All documents").click()
    library.page.get_by_role("dialog").get_by_label("Invoices", exact=True).check()
    library.page.get_by_role("dialog").get_by_role("button", name="Close").last.click()
    expect(library.page.get_by_role("button", name="1 document")).to_be_visible()
    answer = library.ask()
    expect(answer).to_contain_text("This is not in your documents.")


def test_a_model_that_may_not_have_the_data_is_not_offered_and_it_is_said_why(
    library: Library,
) -> None:
    choice = library.page.get_by_label("Model", exact=True)
    refused = choice.locator("option", has_text="abroad")
    expect(refused).to_contain_text("not allowed for this library's data")
    assert refused.is_disabled()
    library.page.get_by_role("button", name="What is this?").click()
    expect(library.page.get_by_text("Some models are not offered")).to_be_visible()


def test_a_model_outside_the_house_is_asked_about_once_and_its_answer_is_marked(
    open_page: Callable[..., Page],
    newcomer: Callable[..., Person],
    ollama: OllamaEmulator,
    abroad: OpenAIEmulator,
) -> None:
    person = newcomer()
    (tenant,) = person.get("/tenants").json()
    person.patch(f"/tenants/{tenant['id']}", {"residency": ["local", "abroad"]})
    abroad.reply = Reply("Six weeks, from far away [1].")
    library = Library(open_page(person), person, "Abroad")
    library.open()
    choice = library.page.get_by_label("Model", exact=True)
    choice.select_option(label="tiny (ABROAD)")
    dialog = library.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Your question leaves the house")
    dialog.get_by_role("button", name="Use it").click()
    answer = library.ask()
    expect(answer).to_contain_text("from far away")
    expect(answer.get_by_text("ABROAD", exact=True)).to_be_visible()
    choice.select_option("")
    choice.select_option(label="tiny (ABROAD)")
    expect(dialog).to_be_hidden()


def test_a_citation_of_an_erased_document_is_marked_as_gone(library: Library) -> None:
    library.ask()
    library.person.delete(f"/documents/{library.document}")
    library.page.reload()
    answer = library.page.get_by_role("article")
    expect(answer.get_by_text("document erased").first).to_be_visible()
    expect(answer.get_by_role("button", name="Source 1: Pumps, document erased")).to_be_disabled()


def test_a_quote_that_is_not_word_for_word_in_its_document_is_struck_and_marked(
    library: Library,
) -> None:
    """The platform says so when a document has changed meanwhile; here its answer is altered."""
    library.ask()
    expect(library.page).to_have_url(re.compile("/conversations/[0-9a-f-]{36}$"))

    def alter(route: Route) -> None:
        found = route.fetch().json()
        for citation in found["messages"][1]["citations"]:
            citation["verified"] = False
        route.fulfill(json=found)

    of_the_api = re.compile("://[^/]+/privategpt/projects/[^/]+/conversations/[0-9a-f-]{36}$")
    library.page.route(of_the_api, alter)
    library.page.reload()
    answer = library.page.get_by_role("article")
    expect(answer.get_by_text("not word for word in the document")).to_be_visible()
    mark = answer.get_by_role("button", name="Source 1: Pumps, not word for word")
    assert "line-through" in (mark.get_attribute("class") or "")


def test_a_number_that_no_source_has_is_struck_and_named(
    library: Library, ollama: OllamaEmulator
) -> None:
    ollama.reply = Reply("Six weeks [1], surely [7].")
    answer = library.ask()
    expect(answer.get_by_text("The answer cites numbers that no source has: 7.")).to_be_visible()
    assert "line-through" in (answer.get_by_text("[7]").get_attribute("class") or "")


def test_without_a_model_the_answer_is_made_of_sentences_and_says_so(
    library: Library, ollama: OllamaEmulator
) -> None:
    with ollama.down():
        answer = library.ask()
        expect(answer).to_contain_text("The filter is changed every six weeks.")
        expect(answer.get_by_text("no language model was asked")).to_be_visible()
        expect(answer.get_by_role("button", name="Source 1: Pumps").first).to_be_visible()


def test_what_is_not_in_the_documents_is_said(library: Library) -> None:
    answer = library.ask("Who won the chess championship in the year of the comet?")
    expect(answer).to_contain_text("This is not in your documents.")
    expect(answer.get_by_text("No model was asked.")).to_be_visible()


def test_an_answer_that_breaks_off_says_so_keeps_what_came_and_can_be_asked_again(
    library: Library, ollama: OllamaEmulator
) -> None:
    ollama.faults.cut_after = 3
    library.page.get_by_label("Your question").fill(QUESTION)
    library.page.keyboard.press("Enter")
    answer = library.page.get_by_role("article")
    expect(answer.get_by_role("alert")).to_contain_text("broke off")
    expect(answer).to_contain_text("It is changed")
    ollama.faults.cut_after = None
    answer.get_by_role("button", name="Try again").click()
    expect(library.finished()).to_contain_text("every six weeks")


def test_a_library_says_how_much_is_in_it(library: Library) -> None:
    library.ask()
    library.page.goto(library.base)
    for name, count in (("Documents", "1"), ("Passages", "1"), ("Conversations", "1")):
        tile = library.page.locator("p", has_text=re.compile(f"^{name}$")).locator("..")
        expect(tile).to_contain_text(count)


def test_everything_is_reached_by_keyboard_alone(library: Library) -> None:
    page = library.page
    expect(page.get_by_label("Your question")).to_be_focused()
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    answer = library.finished()
    expect(answer).to_contain_text("every six weeks")
    mark = answer.get_by_role("button", name="Source 1: Pumps")
    for _ in range(40):
        if mark.evaluate("element => element === document.activeElement"):
            break
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").locator("mark")).to_be_visible()
    page.keyboard.press("Escape")
    expect(mark).to_be_focused()


def test_the_first_word_is_seen_while_the_rest_is_still_to_come(
    library: Library, ollama: OllamaEmulator
) -> None:
    """Nothing on the way holds pieces back: HAProxy, Serve, the gateway, the page."""
    ollama.reply = Reply("First " + "word " * 60 + "[1].")
    ollama.faults.piece_delay = 0.1
    library.page.get_by_label("Your question").fill(QUESTION)
    library.page.keyboard.press("Enter")
    expect(library.page.get_by_role("article")).to_contain_text("First")
    expect(library.page.get_by_role("button", name="Stop")).to_be_visible()
    library.page.get_by_role("button", name="Stop").click()
