"""`/v1/embeddings`, in OpenAI's shape."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeGuard

import numpy as np
from fastapi import APIRouter, Response
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError, to_json

from baukasten_core.contracts.embedding import (
    CountingEmbedder,
    EmbeddingProvider,
    EmbeddingSpace,
    Priority,
    TextOrTokens,
)
from baukasten_core.documents.embedders import Embedder, Embedders
from baukasten_core.errors import BadRequest, ModelNotFound
from baukasten_core.http.dependencies import CurrentKit
from baukasten_core.http.openai_errors import OpenAIRoute, openai_responses

MAX_INPUTS = 2048
CHARACTERS_A_TOKEN = 4
"""By which usage is estimated where the provider does not say how many tokens it read."""

router = APIRouter(
    tags=["openai"],
    route_class=OpenAIRoute,
    responses=openai_responses(400, 401, 403, 404, 503),
)


def _inputs(value: Any) -> list[TextOrTokens]:
    """One input or many, as a list. Checked by hand: as a union of models, each of its branches
    would have a complaint of its own about everything that is wrong."""
    if isinstance(value, list) and value and not isinstance(value[0], str | list):
        value = [value]
    inputs = [value] if isinstance(value, str) else value
    if not isinstance(inputs, list) or not inputs:
        raise PydanticCustomError("input", "send a text, tokens, or a list of texts or tokens")
    if len(inputs) > MAX_INPUTS:
        raise PydanticCustomError(
            "input",
            "{count} inputs; at most {most} at a time",
            {"count": len(inputs), "most": MAX_INPUTS},
        )
    for index, each in enumerate(inputs):
        if wrong := _wrong(each, type(inputs[0])):
            raise PydanticCustomError(
                "input", "number {index} {wrong}", {"index": index, "wrong": wrong}
            )
    return inputs


def _wrong(value: Any, kind: type) -> str | None:
    if not isinstance(value, str | list):
        return "is neither a text nor a list of tokens"
    if type(value) is not kind:
        return "is not what the first is: send texts only, or tokens only"
    if not value:
        return "is empty"
    if isinstance(value, list) and not all(type(token) is int for token in value):
        return "has a token that is not a whole number"
    return None


TEXT = {"type": "string", "minLength": 1}
TOKENS = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}
INPUT = {
    "anyOf": [
        TEXT,
        {"type": "array", "items": TEXT, "minItems": 1, "maxItems": MAX_INPUTS},
        TOKENS,
        {"type": "array", "items": TOKENS, "minItems": 1, "maxItems": MAX_INPUTS},
    ],
    "description": "A text or many, or their tokens in the model's own vocabulary. What is longer "
    "than the model reads is cut, and `truncated` says so.",
}


class EmbeddingsRequest(BaseModel):
    """What OpenAI's clients send."""

    model_config = ConfigDict(extra="ignore")

    input: Annotated[list[TextOrTokens], PlainValidator(_inputs), WithJsonSchema(INPUT)]
    model: str = ""
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class EmbeddingOut(BaseModel):
    """One vector, of unit length; base64 of little-endian float32 where that was asked for."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingsUsage(BaseModel):
    """Tokens that were read, special ones included."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsOut(BaseModel):
    """Vectors in the order of the inputs. `truncated` is not OpenAI's: the indices of the inputs
    that are longer than what the model reads; null where the provider does not tell."""

    object: Literal["list"] = "list"
    data: list[EmbeddingOut]
    model: str
    usage: EmbeddingsUsage
    truncated: list[int] | None


@router.post("/v1/embeddings", response_model=EmbeddingsOut)
async def embeddings(body: EmbeddingsRequest, kit: CurrentKit) -> Response:
    """Vectors of one or many texts, from the platform's embedding model."""
    scope = kit.principal.scope
    asked = embedder_of(kit.services.embedders, body.model)
    embedder, space = asked.provider, asked.provider.space
    if body.dimensions not in (None, space.dimensions):
        raise BadRequest(f"`{space.model}` has {space.dimensions} dimensions, no other number")
    # One text is somebody's question, many are somebody's collection.
    priority: Priority = "query" if len(body.input) == 1 else "bulk"
    await asked.require(scope, scope.project_id)
    if _counts(embedder):
        embedded = await embedder.embed_counted(body.input, priority=priority)
        return _answer(embedded.vectors, body, space, sum(embedded.tokens), embedded.cut)
    texts = _texts(body.input)
    vectors = await embedder.embed(texts, priority=priority)
    return _answer(vectors, body, space, sum(map(_estimate, texts)), None)


def embedder_of(embedders: Embedders, model: str | None) -> Embedder:
    """The embedder of a model. Raises `ModelNotFound`, naming those that are here,
    and `ProviderUnavailable` where only a server knows which model it has."""
    found = embedders.of_model(model)
    if found is None:
        known = ", ".join(f"`{each.provider.space.model}`" for each in embedders)
        raise ModelNotFound(f"The model `{model}` is not here; these are: {known}.")
    return found


def _counts(embedder: EmbeddingProvider) -> TypeGuard[CountingEmbedder]:
    """`isinstance` with a protocol looks at all of it, which takes as long as authentication."""
    return hasattr(embedder, "embed_counted")


def _texts(inputs: Sequence[TextOrTokens]) -> list[str]:
    texts = [text for text in inputs if isinstance(text, str)]
    if len(texts) < len(inputs):
        raise BadRequest("The platform's embedding provider takes texts only, no tokens.")
    return texts


def _estimate(text: str) -> int:
    return -(-len(text) // CHARACTERS_A_TOKEN)


def _answer(
    vectors: NDArray[np.float32],
    body: EmbeddingsRequest,
    space: EmbeddingSpace,
    tokens: int,
    cut: Sequence[int] | None,
) -> Response:
    """`EmbeddingsOut` as JSON. Written without its models: validating every number of every vector
    would take longer than all else that is done here."""
    content = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": row}
            for index, row in enumerate(_encoded(vectors, body.encoding_format))
        ],
        "model": space.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        "truncated": cut,
    }
    return Response(to_json(content), media_type="application/json")


def _encoded(vectors: NDArray[np.float32], form: str) -> list[Any]:
    if form == "base64":
        rows = vectors.astype("<f4", copy=False)
        return [base64.b64encode(row.tobytes()).decode() for row in rows]
    # Eight places are all that a float32 of a unit vector has; more would double the size.
    rounded: list[list[float]] = np.round(vectors.astype(np.float64), 8).tolist()
    return rounded
