"""The sources a request to a language model rests on, and the prompt that carries them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, StringConstraints

from baukasten_core.contracts.llm import Source
from baukasten_core.http.documents_schemas import QUERY_CHARACTERS
from baukasten_core.kit import Kit

PASSAGES = 6
SHORTEST_QUERY = 3


def _unicode(text: str) -> str:
    """JSON can spell half a character; no model and no database takes it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half a surrogate pair, which is no text") from None
    if "\x00" in text:
        raise ValueError("holds a NUL character")
    return text


PlainText = Annotated[str, AfterValidator(_unicode)]
SomeText = Annotated[str, StringConstraints(min_length=1), AfterValidator(_unicode)]


class SourceIn(BaseModel):
    """A passage the answer may rest on."""

    text: SomeText
    title: PlainText = ""
    id: PlainText = ""

    def source(self) -> Source:
        return Source(self.text, self.title, self.id)


async def sources_for(
    kit: Kit, project_id: UUID | None, query: str, given: Sequence[SourceIn]
) -> tuple[Source, ...]:
    """The given sources, else the passages of the project's documents that fit the query.

    Raises `Forbidden` for an API key that may ask models, but read no documents.
    """
    if given:
        return tuple(item.source() for item in given)
    wanted = query.strip()[:QUERY_CHARACTERS]
    if project_id is None or len(wanted) < SHORTEST_QUERY:
        return ()
    passages = await kit.search(project_id, wanted, limit=PASSAGES)
    return tuple(Source(passage.text, passage.title, str(passage.chunk_id)) for passage in passages)


def with_sources(prompt: str, sources: Sequence[Source]) -> str:
    """The prompt, with the sources numbered before it."""
    if not sources:
        return prompt
    listed = "\n\n".join(
        f"[{number}] {source.title}\n{source.text}".strip()
        for number, source in enumerate(sources, start=1)
    )
    return (
        f"Sources:\n\n{listed}\n\nRest your answer on these sources where they bear on the "
        f"question, and cite them as [n].\n\n{prompt}"
    )
