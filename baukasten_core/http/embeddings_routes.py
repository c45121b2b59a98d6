"""`/v1/embeddings`, in OpenAI's shape."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from baukasten_core.errors import BadRequest, ModelNotFound
from baukasten_core.http.dependencies import CurrentKit, ServicesDep
from baukasten_core.http.openai_errors import OpenAIRoute, openai_responses

MAX_INPUTS = 2048
CHARACTERS_A_TOKEN = 4
"""Usage is an estimate: an embedding provider does not say how many tokens it read."""

router = APIRouter(
    tags=["openai"],
    route_class=OpenAIRoute,
    responses=openai_responses(400, 401, 403, 404, 503),
)

Text = Annotated[str, StringConstraints(min_length=1)]


class EmbeddingsRequest(BaseModel):
    """What OpenAI's clients send."""

    model_config = ConfigDict(extra="ignore")

    input: Text | Annotated[list[Text], Field(min_length=1, max_length=MAX_INPUTS)]
    model: str = ""
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class EmbeddingOut(BaseModel):
    """One vector, of unit length; base64 of little-endian float32 where that was asked for."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingsUsage(BaseModel):
    """Estimated."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsOut(BaseModel):
    """Vectors in the order of the inputs."""

    object: Literal["list"] = "list"
    data: list[EmbeddingOut]
    model: str
    usage: EmbeddingsUsage


@router.post("/v1/embeddings", response_model=EmbeddingsOut)
async def embeddings(body: EmbeddingsRequest, kit: CurrentKit, services: ServicesDep) -> Any:
    """Vectors of one or many texts, from the platform's embedding model."""
    space = services.embedder.space
    if body.model not in ("", space.model):
        raise ModelNotFound(f"The model `{body.model}` is not here; this one is: `{space.model}`")
    if body.dimensions not in (None, space.dimensions):
        raise BadRequest(f"`{space.model}` has {space.dimensions} dimensions, no other number")
    texts = [body.input] if isinstance(body.input, str) else body.input
    # One text is somebody's question, many are somebody's collection.
    priority: Literal["query", "bulk"] = "query" if len(texts) == 1 else "bulk"
    vectors = await kit.embed(texts, priority=priority)
    tokens = sum(-(-len(text) // CHARACTERS_A_TOKEN) for text in texts)
    return EmbeddingsOut(
        data=[
            EmbeddingOut(index=index, embedding=_encoded(vector, body.encoding_format))
            for index, vector in enumerate(vectors)
        ],
        model=space.model,
        usage=EmbeddingsUsage(prompt_tokens=tokens, total_tokens=tokens),
    )


def _encoded(vector: NDArray[np.float32], form: str) -> list[float] | str:
    if form == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return [float(value) for value in vector]
