"""Bad input over HTTP: a clear error, or it is taken as it is; nothing is lost, nothing breaks."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from baukasten_core.testing import files
from baukasten_core.testing.people import Person

pytestmark = pytest.mark.deployment

Problem = Callable[..., dict]
JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def _all_is_well_afterwards(anybody: httpx.Client) -> Iterator[None]:
    yield
    assert anybody.get("/projects").status_code == 401


# --- text -----------------------------------------------------------------------------------------

TEXTS = {
    "a NUL byte": "before\x00after",
    "right to left": "שלום עולם \u202eמימין לשמאל\u202c مرحبا",
    "control characters": "bell\x07 backspace\x08 escape\x1b[31m",
    "emoji and combining": "👩‍👩‍👧 e\u0301 \U0001f1e9\U0001f1ea",
    "a line of 1 MB": " ".join(["extraordinarily"] * 65_536),
    "1 MB without a space": "x" * 1_000_000,
    "no word at all": "!?!? ---- ....",
    "line separators": "one\u2028two\u2029three\x0bfour\x0cfive\x85six",
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_of_any_kind_becomes_ready_and_its_chunks_fit_the_text(ada: Person, name: str) -> None:
    project = ada.project()
    document = ada.ready(ada.text(TEXTS[name], project))
    assert "\x00" not in document["content"]
    query = {"query": "before word one שלום", "project_id": project, "limit": 1}
    for hit in ada.post("/documents/search", query).json():
        for chunk in hit["chunks"]:
            assert document["content"][chunk["start"] : chunk["end"]] == chunk["text"]


@pytest.mark.parametrize("name", sorted(set(TEXTS) - {"a line of 1 MB"}))
def test_a_file_of_any_text_becomes_ready(ada: Person, name: str) -> None:
    answer = ada.upload("strange.txt", TEXTS[name].encode(), None, project_id=ada.project())
    if answer.status_code == 201:
        ada.ready(answer.json())
    else:
        assert answer.status_code in (415, 422), answer.text  # bytes that no text file has


LONE = r'"\ud800 lone \udfff"'


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/documents/text", f'{{"content": {LONE}}}'),
        ("/documents/text", f'{{"content": "x", "title": {LONE}}}'),
        ("/documents/text", f'{{"content": "x", "metadata": {{{LONE}: {LONE}}}}}'),
        ("/documents/search", f'{{"query": {LONE}}}'),
        ("/projects", f'{{"name": {LONE}, "type": "other"}}'),
        ("/projects", f'{{"name": "n", "type": {LONE}}}'),
        ("/projects", f'{{"name": "n", "type": "other", "description": {LONE}}}'),
        ("/projects", f'{{"name": "n", "type": "other", "config": {{"a": {LONE}}}}}'),
        ("/tenants", f'{{"name": {LONE}}}'),
        ("/auth/api-keys", f'{{"name": {LONE}}}'),
        ("/auth/register", f'{{"email": "a@example.test", "password": {LONE}}}'),
        ("/auth/register", f'{{"email": {LONE}, "password": "a long password"}}'),
        ("/auth/refresh", f'{{"refresh_token": {LONE}}}'),
        ("/auth/verify", f'{{"token": {LONE}}}'),
        ("/llm/generate", f'{{"prompt": {LONE}}}'),
        ("/llm/generate", f'{{"prompt": "x", "provider": {LONE}}}'),
        ("/llm/embed", f'{{"text": {LONE}}}'),
        ("/v1/embeddings", f'{{"input": {LONE}}}'),
        ("/v1/chat/completions", f'{{"messages": [{{"role": "user", "content": {LONE}}}]}}'),
    ],
)
@pytest.mark.parametrize("escape", [LONE, r'"nul \u0000 byte"'], ids=["surrogate", "nul"])
def test_no_escape_in_json_is_an_error_of_ours(
    ada: Person, path: str, body: str, escape: str
) -> None:
    content = body.replace(LONE, escape).encode()
    answer = ada.call("POST", path, None, content=content, headers=JSON)
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize("showcase", ["cv_matcher", "privategpt", "tellmelife"])
@pytest.mark.parametrize("escape", [LONE, r'"nul \u0000 byte"'], ids=["surrogate", "nul"])
def test_no_escape_is_an_error_of_a_showcase(ada: Person, showcase: str, escape: str) -> None:
    path, body = {
        "cv_matcher": ("job", '{"text": %s, "method": "extractive"}'),
        "privategpt": ("ask", '{"question": %s}'),
        "tellmelife": ("entries", '{"date": "1962-03-03", "text": %s}'),
    }[showcase]
    url = f"/{showcase}/projects/{ada.project(showcase)}/{path}"
    answer = ada.call("POST", url, None, content=(body % escape).encode(), headers=JSON)
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000],
    ids=["empty", "cut", "null", "list", "string", "not-utf8", "deep-list", "deep-object"],
)
@pytest.mark.parametrize("path", ["/projects", "/documents/text", "/llm/generate"])
def test_a_body_that_is_no_object_is_422(ada: Person, path: str, content: bytes) -> None:
    answer = ada.call("POST", path, None, content=content, headers=JSON)
    assert answer.status_code in (400, 422), answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/documents/%00",
        "/documents/not-a-uuid",
        "/projects/%ff%fe",
        "/documents/search?query=%00%00%00%00",
        "/documents/search?query=%ff%fe%fd%fc",
        "/documents?cursor=%00",
        "/projects?cursor=%ff",
        "/users/%00",
        "/tellmelife/books/%00",
        "/v1/models/%00",
        "/" + "a" * 6000,
    ],
)
def test_a_strange_address_is_an_error_of_the_caller(ada: Person, path: str) -> None:
    answer = ada.get(path, None)
    assert answer.status_code < 500, answer.text


def test_numbers_that_do_not_fit_are_refused(ada: Person) -> None:
    for limit in ("9" * 400, "-1", "1e3", "NaN"):
        ada.get(f"/documents?limit={limit}", 422)
    nan = b'{"name": "n", "type": "other", "config": {"a": NaN, "b": Infinity}}'
    answer = ada.call("POST", "/projects", None, content=nan, headers=JSON)
    assert answer.status_code == 422, answer.text
    big = b'{"name": "n", "type": "other", "config": {"a": 1e400}}'
    answer = ada.call("POST", "/projects", None, content=big, headers=JSON)
    assert answer.status_code in (201, 422), answer.text


# --- files ----------------------------------------------------------------------------------------


def bomb() -> bytes:
    """A DOCX whose text unpacks to 400 MB."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(files.docx(["x"]))) as honest,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bad,
    ):
        for name in honest.namelist():
            if name != "word/document.xml":
                bad.writestr(name, honest.read(name))
        with bad.open("word/document.xml", "w", force_zip64=True) as text:
            for _ in range(400):
                text.write(b"<w:p/> " * (2**20 // 7))
    return out.getvalue()


def encrypted_zip() -> bytes:
    """A DOCX whose entries say that they are encrypted."""
    data = bytearray(files.docx(["x"]))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 4)
    return bytes(data)


PDF = files.pdf([["The heron waits."]])

FILES: dict[str, tuple[str, Callable[[], bytes], set[int], str]] = {
    "empty": ("a.txt", lambda: b"", {422}, "empty"),
    "only white space": ("a.txt", lambda: b" \n\t ", {422}, ""),
    "a broken PDF": ("a.pdf", lambda: b"%PDF-1.7\n" + PDF[:40], {422}, "broken"),
    "a PDF cut in half": ("a.pdf", lambda: PDF[: len(PDF) // 2], {201, 422}, ""),
    "an encrypted PDF": ("a.pdf", lambda: files.encrypted_pdf([["x"]]), {422}, "encrypted"),
    "a broken DOCX": ("a.docx", lambda: files.docx(["x" * 5000])[:400], {422}, "broken"),
    "an encrypted DOCX": ("a.docx", encrypted_zip, {422}, ""),
    "a plain ZIP": ("a.docx", lambda: files.archive([("a.txt", "x")]), {415, 422}, ""),
    "a zip bomb": ("a.docx", bomb, {413, 422}, ""),
    "gzip": ("a.txt", lambda: gzip.compress(b"text " * 100), {415}, "gzip"),
    "a picture": ("a.txt", lambda: b"\x89PNG\r\n\x1a\n" + bytes(50), {415}, "PNG"),
    "random bytes": ("a.pdf", lambda: bytes(range(256)) * 20, {415, 422}, ""),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_can_not_be_read_is_refused_saying_why(ada: Person, name: str) -> None:
    filename, data, statuses, word = FILES[name]
    project = ada.project()
    answer = ada.upload(filename, data(), None, project_id=project)
    assert answer.status_code in statuses, answer.text
    if answer.status_code == 201:
        found = ada.settled(answer.json())
        assert found["status"] == "ready" or found["error"]
        return
    assert answer.headers["content-type"] == "application/problem+json"
    assert word in answer.json()["detail"]
    assert len(answer.json()["detail"].split()) > 3
    assert ada.get(f"/documents?project_id={project}").json() == []


@pytest.mark.parametrize("name", ["a.txt", "a.docx", "a", "", "../../etc/passwd.pdf", "ü.exe"])
def test_a_wrongly_named_file_is_read_as_what_it_is(ada: Person, name: str) -> None:
    answer = ada.upload(name or "x", PDF, 201, project_id=ada.project())
    found = ada.ready(answer.json())
    assert found["type"] == "pdf"
    assert "The heron waits." in found["content"]
    assert "/" not in (found["filename"] or "")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"--b\r\nno"),
        ("multipart/form-data; boundary=" + "b" * 300, b"--b\r\n"),
        ("text/plain", b"text"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ncut off',
        ),
    ],
)
def test_a_broken_form_is_422(ada: Person, kind: str, body: bytes) -> None:
    headers = {"Content-Type": kind}
    ada.call("POST", "/documents/upload", 422, content=body, headers=headers)


def test_what_is_too_large_or_too_deep_is_422(ada: Person) -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = {"a": deep}
    for metadata in ({"a": "x" * 100_000}, deep):
        ada.post("/documents/text", {"content": "x y z", "metadata": metadata}, 422)
    ada.post("/projects", {"name": "n", "type": "other", "config": deep}, 422)
