"""A set of documents, and of queries whose answers among them are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from baukasten_core.errors import BadRequest

Half = Literal["odd", "even"]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)


class Doc(_Part):
    """A document of the set."""

    id: str
    title: str = ""
    text: Words


class Query(_Part):
    """A query and the ids of the documents that answer it: by default, that of the same id."""

    id: str
    query: Annotated[Words, Field(min_length=3)]
    relevant: Annotated[frozenset[str], Field(min_length=1)] | None = None

    @property
    def answers(self) -> frozenset[str]:
        return self.relevant or frozenset({self.id})


class _File(_Part):
    docs: Annotated[list[Doc], Field(min_length=1)]
    queries: Annotated[list[Query], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Pairs:
    """What is searched, and what is asked."""

    docs: Sequence[Doc]
    queries: Sequence[Query]

    def half(self, which: Half | None) -> Self:
        """The same documents and every other query: the first, third, ... are the odd ones."""
        if which is None:
            return self
        return replace(self, queries=self.queries[which == "even" :: 2])

    def first(self, count: int | None) -> Self:
        """The same documents and no more than `count` queries."""
        return replace(self, queries=self.queries[:count])


def read_pairs(path: Path) -> Pairs:
    """Read a JSON file: `{"docs": [{"id", "title", "text"}], "queries": [{"id", "query"}]}`, where
    a query may name its answers: `"relevant": [ids]`.

    Raises:
        BadRequest: with a sentence that names what is wrong in it.
    """
    try:
        found = _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadRequest(f"{path} can't be read ({type(error).__name__}).") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise BadRequest(f"{path}: {where}: {first['msg']}") from None
    _check(path, found)
    return Pairs(found.docs, found.queries)


def _check(path: Path, found: _File) -> None:
    known = {doc.id for doc in found.docs}
    if len(known) < len(found.docs):
        raise BadRequest(f"{path}: two documents have the same id.")
    for query in found.queries:
        if missing := query.answers - known:
            raise BadRequest(
                f"{path}: the query `{query.id}` is answered by `{min(missing)}`, which is no "
                "document of it."
            )
