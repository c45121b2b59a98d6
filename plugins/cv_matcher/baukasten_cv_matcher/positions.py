"""Reading a job advertisement: where its text comes from, and what it asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from baukasten_core.api import (
    BaukastenError,
    Conflict,
    DocumentText,
    InvalidOutput,
    Kit,
    NotFound,
    Unprocessable,
)
from baukasten_cv_matcher.llm import LlmAnalyser, made_by
from baukasten_cv_matcher.requirements import Requirement, find_requirements
from baukasten_cv_matcher.schemas import JobIn

MOST_REQUIREMENTS = 100
LONGEST = 60_000
"""Characters of an advertisement; a longer one is something else."""
POLLS, POLL_SECONDS = 40, 0.5


@dataclass(frozen=True, slots=True)
class Advertisement:
    """A job description's text and where it came from."""

    source: str
    document_id: UUID | None
    text: str
    language: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """The requirements, and who found them."""

    requirements: Sequence[Requirement]
    made_by: Mapping[str, Any]


async def advertisement(kit: Kit, project_id: UUID, body: JobIn) -> Advertisement:
    """The text that is meant. Raises `NotFound`, `Conflict`, `Unprocessable`."""
    if body.text is not None:
        text = body.text.replace("\r\n", "\n").replace("\r", "\n")
        found = Advertisement("text", None, text, await kit.detect_language(text))
    elif body.document_id is not None:
        found = await _from_document(kit, project_id, body.document_id, "document")
    else:
        added = await _add_url(kit, project_id, body.url or "")
        found = await _from_document(kit, project_id, added, "url")
    if len(found.text) > LONGEST:
        raise Unprocessable(
            f"The text has {len(found.text):,} characters; a job description has at most "
            f"{LONGEST:,}."
        )
    return found


async def read(
    kit: Kit, project_id: UUID, source: Advertisement, body: JobIn, instance: str | None
) -> Found:
    """The requirements, by the model of `instance`, else from the text's form.

    Where the caller left the choice open, a model that fails leaves it to the text's form, and
    the answer says so. Raises `Unprocessable` when nothing is found.
    """
    notice = None
    if instance is not None:
        try:
            reader = LlmAnalyser(kit, project_id, instance, body.model)
            requirements, answer = await reader.requirements(source.text)
            return _checked(requirements, {"method": "llm", **made_by(answer)})
        except BaukastenError as error:
            if body.wants_model or not isinstance(error, InvalidOutput):
                raise
            notice = error.detail
    requirements = await asyncio.to_thread(find_requirements, source.text)
    return _checked(requirements, {"method": "extractive", "region": "local", "notice": notice})


def _checked(requirements: Sequence[Requirement], who: Mapping[str, Any]) -> Found:
    if not requirements:
        raise Unprocessable(
            "No requirements were found in this text.",
            hint="List them under a heading such as `Requirements`, one a line.",
        )
    if len(requirements) > MOST_REQUIREMENTS:
        raise Unprocessable(
            f"This text has {len(requirements)} requirements; at most {MOST_REQUIREMENTS} can be "
            "compared. Is it a single job description?"
        )
    return Found(requirements, who)


async def _from_document(
    kit: Kit, project_id: UUID, document_id: UUID, source: str
) -> Advertisement:
    document = await _text_of(kit, document_id)
    if document is None or document.project_id != project_id:
        raise NotFound("Document not found", hint="It must be a document of this project.")
    return Advertisement(source, document.id, document.text, document.language)


async def _text_of(kit: Kit, document_id: UUID) -> DocumentText | None:
    """The document once its text is there; a new one may take some seconds.

    Raises `Conflict` while it is still being read, `Unprocessable` when it can't be.
    """
    for _ in range(POLLS):
        document = (await kit.documents([document_id])).get(document_id)
        if document is None or document.text:
            return document
        if document.status == "failed":
            raise Unprocessable(document.error or "The document could not be read.")
        await asyncio.sleep(POLL_SECONDS)
    raise Conflict("The document is still being read.", hint="Try again in a moment.")


async def _add_url(kit: Kit, project_id: UUID, url: str) -> UUID:
    """The page as a document of the project; the one that is there already, where there is."""
    try:
        return await kit.add_url(url, project_id=project_id)
    except Conflict as error:
        return UUID(str(error.extra["document_id"]))
