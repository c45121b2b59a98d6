"""Projects and documents: dropped in, followed, previewed, searched, cleared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from baukasten_core.testing.people import Person
from tests.deployment.browser.watch import Open

TEXT = "😀 Pumps are cleaned in spring. The filter is changed every six weeks.\nOil: on Mondays."


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Files of all sorts: some that can be read, in a folder and beside, and some that can't."""
    (tmp_path / "pumps.txt").write_text(TEXT)
    (tmp_path / "same.txt").write_text(TEXT)
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    folder = tmp_path / "folder" / "deeper"
    folder.mkdir(parents=True)
    (folder / "herons.txt").write_text("Herons wait for fish, without moving, near the river.")
    (folder / ".hidden.txt").write_text("Nobody means to upload this.")
    return tmp_path


def choose(page: Page, button: str, *paths: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=button).click()
    chooser.value.set_files([str(path) for path in paths])


def uploads(page: Page) -> dict[str, str]:
    """The state of each upload, by its name."""
    rows = page.get_by_label("Uploads").get_by_role("listitem").all_inner_texts()
    return {text.split("\n")[0]: text.split("\n")[1] for text in rows}


def test_a_project_is_made_and_opened(ada_page: Page) -> None:
    ada_page.goto("/console/projects")
    ada_page.get_by_role("button", name="New project").first.click()
    ada_page.get_by_label("Name").fill("Made in a browser")
    ada_page.get_by_label("What for").select_option(label="PrivateGPT")
    ada_page.get_by_label("Where its data may be processed").select_option("local")
    ada_page.get_by_role("button", name="Create").click()
    expect(ada_page.get_by_role("heading", level=1)).to_have_text("Made in a browser")
    expect(ada_page.get_by_text("Local", exact=True)).to_be_visible()
    expect(ada_page.get_by_role("link", name="Open in PrivateGPT")).to_be_visible()


def test_files_are_followed_until_they_are_ready_and_each_that_cannot_be_says_why(
    ada_page: Page, ada: Person, files: Path
) -> None:
    ada_page.goto(f"/console/projects/{ada.project(name='Uploads')}")
    choose(ada_page, "Choose files", files / "pumps.txt")
    expect(ada_page.get_by_label("Uploads").get_by_text("Ready", exact=True)).to_be_visible()
    choose(
        ada_page, "Choose files", *(files / n for n in ("same.txt", "broken.pdf", "picture.png"))
    )
    expect(ada_page.get_by_text("Already there")).to_be_visible()
    expect(ada_page.get_by_text("The file is broken")).to_be_visible()
    expect(ada_page.get_by_text("This kind of file can't be read.")).to_be_visible()
    assert uploads(ada_page) == {
        "pumps.txt": "Ready",
        "same.txt": "Already there",
        "broken.pdf": "Failed",
        "picture.png": "Failed",
    }
    documents = ada_page.get_by_role("list", name="Documents").get_by_role("listitem")
    expect(documents).to_have_count(1)


def test_why_a_file_cannot_be_read_is_said_in_the_reader_s_language(
    ada: Person, files: Path, open_page: Open
) -> None:
    page = open_page(ada, language="de")
    page.goto(f"/console/projects/{ada.project(name='Auf Deutsch')}")
    choose(page, "Dateien auswählen", files / "broken.pdf", files / "picture.png")
    expect(page.get_by_text("Sie lässt sich nicht als PDF öffnen.")).to_be_visible()
    expect(page.get_by_text("Die Datei ist ein PNG-Bild")).to_be_visible()


def test_a_folder_comes_with_all_that_is_in_it_but_hidden_files(
    ada_page: Page, ada: Person, files: Path
) -> None:
    ada_page.goto(f"/console/projects/{ada.project(name='Folder')}")
    choose(ada_page, "Choose a folder", files / "folder")
    expect(ada_page.get_by_role("status").filter(has_text="1 of 1 ready")).to_be_visible()
    assert list(uploads(ada_page)) == ["herons.txt"]


DROP = """([text]) => {
  const transfer = new DataTransfer();
  for (const number of [1, 2, 3]) {
    transfer.items.add(new File([text + number], `dropped${number}.txt`, {type: "text/plain"}));
  }
  const words = [...document.querySelectorAll("p")];
  const zone = words.find(p => p.innerText === "Drop files or folders here").parentElement;
  for (const type of ["dragover", "drop"]) {
    const options = {dataTransfer: transfer, bubbles: true, cancelable: true};
    zone.dispatchEvent(new DragEvent(type, options));
  }
}"""


def test_files_that_are_dropped_are_taken(ada_page: Page, ada: Person) -> None:
    ada_page.goto(f"/console/projects/{ada.project(name='Dropped')}")
    expect(ada_page.get_by_text("Drop files or folders here")).to_be_visible()
    ada_page.evaluate(DROP, ["A text that was dropped, number "])
    expect(ada_page.get_by_text("3 of 3 ready")).to_be_visible()


def test_an_upload_that_loses_its_connection_says_so_and_goes_on(
    ada_page: Page, ada: Person, files: Path
) -> None:
    ada_page.goto(f"/console/projects/{ada.project(name='Offline')}")
    expect(ada_page.get_by_role("button", name="Choose files")).to_be_visible()
    ada_page.context.set_offline(True)
    expect(ada_page.get_by_text("No connection to the platform.")).to_be_visible()
    choose(ada_page, "Choose files", files / "pumps.txt")
    expect(ada_page.get_by_text("Waits for the connection")).to_be_visible()
    ada_page.context.set_offline(False)
    expect(ada_page.get_by_text("1 of 1 ready")).to_be_visible()


def test_a_search_opens_the_passage_marked_in_its_document(ada_page: Page, ada: Person) -> None:
    project = ada.project(name="Search")
    ada.ready(ada.text(TEXT, project, title="Pumps"))
    ada_page.goto(f"/console/projects/{project}")
    ada_page.get_by_role("tab", name="Search").click()
    ada_page.get_by_label("Search in the documents").fill("when is the filter changed?")
    ada_page.keyboard.press("Enter")
    expect(ada_page.get_by_text(re.compile(r"Relevance \d+%"))).to_be_visible()
    ada_page.get_by_role("button", name="every six weeks").click()
    dialog = ada_page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Text of Pumps")
    # Offsets count characters, of which the first here is two in a browser.
    expect(dialog.locator("mark")).to_have_text(TEXT)
    ada_page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_a_document_is_deleted_when_asked_and_all_of_them_when_asked_twice(
    ada_page: Page, ada: Person
) -> None:
    project = ada.project(name="To clear")
    for number in range(3):
        ada.text(f"Text number {number} about pumps.", project, title=f"Text {number}")
    ada_page.goto(f"/console/projects/{project}")
    documents = ada_page.get_by_role("list", name="Documents").get_by_role("listitem")
    ada_page.get_by_role("button", name="Delete Text 1").click()
    ada_page.get_by_role("button", name="Delete document").click()
    expect(documents).to_have_count(2)
    ada_page.get_by_role("button", name="Delete all documents").click()
    dialog = ada_page.get_by_role("dialog")
    confirm = dialog.get_by_role("button", name="Delete all documents")
    expect(confirm).to_be_disabled()
    dialog.get_by_label("Name of the project").fill("To clear")
    confirm.click()
    expect(ada_page.get_by_text("No documents yet")).to_be_visible()
    assert ada.get("/documents", params={"project_id": project}).json() == []


def test_a_project_is_changed_and_deleted(ada_page: Page, ada: Person) -> None:
    project = ada.project(name="Old name")
    ada_page.goto(f"/console/projects/{project}")
    ada_page.get_by_role("tab", name="Settings").click()
    ada_page.get_by_label("Name", exact=True).fill("New name")
    ada_page.get_by_role("button", name="Save").click()
    expect(ada_page.get_by_role("heading", level=1)).to_have_text("New name")
    ada_page.get_by_role("button", name="Delete project").click()
    ada_page.get_by_label("Name of the project").fill("New name")
    ada_page.get_by_role("dialog").get_by_role("button", name="Delete project").click()
    expect(ada_page).to_have_url(re.compile("/console/projects$"))
    ada.get(f"/projects/{project}", status=404)


def test_five_thousand_documents_scroll_with_few_of_them_in_the_page(
    ada_page: Page, ada: Person
) -> None:
    """Rows are drawn as they come into sight: what is in the page stays small."""
    template = ada.text(f"One text for all of the rows, {ada.id}.", title="Row")

    def answer(route: Route) -> None:
        found = re.search(r"cursor=(\d+)", route.request.url)
        start = int(found[1]) if found else 0
        page = [
            {**template, "id": f"00000000-0000-4000-8000-{n:012d}", "title": f"Document {n}"}
            for n in range(start, start + 100)
        ]
        link = f'</documents?cursor={start + 100}>; rel="next"' if start < 4900 else ""
        route.fulfill(json=page, headers={"Link": link} if link else {})

    ada_page.route("**/documents?*", answer)
    ada_page.goto(f"/console/projects/{ada.project(name='Many')}")
    items = ada_page.get_by_role("list", name="Documents").get_by_role("listitem")
    expect(items.first).to_contain_text("Document 0")
    scrolled = ada_page.get_by_role("list", name="Documents").locator("..")
    last = ada_page.get_by_text("Document 4999")
    for _ in range(80):
        scrolled.evaluate("pane => pane.scrollTo(0, pane.scrollHeight)")
        ada_page.wait_for_timeout(60)
        if last.count():
            break
    expect(last).to_be_visible()
    assert items.count() < 60
