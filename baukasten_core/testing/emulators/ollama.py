"""Ollama's API: `/api/tags`, `/api/chat`, `/api/show`, `/api/pull`, `/api/ps`, `/api/embed`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from baukasten_core.testing.emulators.base import Emulator
from baukasten_core.testing.emulators.replies import (
    Asked,
    EmulatedModel,
    Spoken,
    speak,
    vector,
)

NOW = "2026-01-01T00:00:00Z"
NDJSON = "application/x-ndjson"
ERRORS = {
    429: "too many requests",
    500: "llama runner process has terminated: exit status 2",
    503: "server busy, please try again.  maximum pending requests exceeded",
}


class OllamaEmulator(Emulator):
    """Ollama. `pullable` are the models that `/api/pull` finds in the registry, `loaded` those that
    are in memory: who was asked."""

    default_models: ClassVar[tuple[EmulatedModel, ...]] = (EmulatedModel("tiny:latest"),)
    pullable: tuple[str, ...] = ("tiny:latest",)
    loaded: tuple[str, ...] = ()

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", lambda _: Response("Ollama is running")),
            Route("/api/version", lambda _: JSONResponse({"version": "0.30.0"})),
            Route("/api/tags", self._tags),
            Route("/api/ps", self._ps),
            Route("/api/show", self._show, methods=["POST"]),
            Route("/api/pull", self._pull, methods=["POST"]),
            Route("/api/chat", self._chat, methods=["POST"]),
            Route("/api/embed", self._embed, methods=["POST"]),
        ]

    def error(self, status: int, message: str = "") -> Response:
        text = message or ERRORS.get(status, "internal server error")
        return JSONResponse({"error": text}, status_code=status)

    def refusal(self, request: Request) -> Response | None:
        key = self.api_key
        if key is None or request.headers.get("authorization") == f"Bearer {key}":
            return None
        return self.error(401, "unauthorized")

    def reset(self) -> None:
        super().reset()
        self.loaded = ()

    def model(self, name: str) -> EmulatedModel | None:
        return super().model(name) or super().model(f"{name}:latest")

    # --- models -------------------------------------------------------------------------------

    async def _tags(self, request: Request) -> Response:
        return JSONResponse({"models": [_listed(model) for model in self.models]})

    async def _ps(self, request: Request) -> Response:
        loaded = [
            {**_listed(model), "expires_at": NOW, "size_vram": 0, "context_length": model.context}
            for model in self.models
            if model.name in self.loaded
        ]
        return JSONResponse({"models": loaded})

    async def _show(self, request: Request) -> Response:
        name = _name(await request.json())
        model = self.model(name)
        if model is None:
            return self.error(404, f"model '{name}' not found")
        capabilities = ["embedding"] if model.embedding else ["completion"]
        return JSONResponse(
            {
                "modelfile": f"FROM {model.name}",
                "parameters": "",
                "template": "{{ .Prompt }}",
                "details": _details(model),
                "model_info": {
                    "general.architecture": "llama",
                    "llama.context_length": model.context,
                },
                "capabilities": [*capabilities, *(["tools"] if model.tools else [])],
                "modified_at": NOW,
                **_remote(model),
            }
        )

    async def _pull(self, request: Request) -> Response:
        name = _name(await request.json())
        if name not in self.pullable and f"{name}:latest" not in self.pullable:
            lines: list[dict[str, Any]] = [
                {"status": "pulling manifest"},
                {"error": "pull model manifest: file does not exist"},
            ]
            return await self._lines(request, lines)
        size, digest = 4096, _digest(name)
        progress = [
            {"status": f"pulling {digest[:12]}", "digest": digest, "total": size, "completed": done}
            for done in (0, size // 2, size)
        ]
        full = name if ":" in name else f"{name}:latest"
        if self.model(full) is None:
            self.models = (*self.models, EmulatedModel(full))
        lines = [{"status": "pulling manifest"}, *progress, {"status": "success"}]
        return await self._lines(request, lines)

    # --- answers ------------------------------------------------------------------------------

    async def _chat(self, request: Request) -> Response:
        body = await _json(request)
        if body is None:
            return self.error(400, "invalid character in request")
        if not body.get("model"):
            return self.error(400, "model is required")
        model = self.model(body["model"])
        if model is None:
            return self.error(404, f"model '{body['model']}' not found")
        if body.get("tools") and not model.tools:
            return self.error(400, f"{model.name} does not support tools")
        self.loaded = tuple({*self.loaded, model.name})
        asked = _asked(body)
        spoken = speak(self.reply, asked)
        lines = _answer(model, asked, spoken)
        if body.get("stream", True):
            return await self._lines(request, lines)
        message = {"role": "assistant", "content": spoken.text, **_calls(spoken)}
        return await self.whole(request, {**lines[-1], "message": message})

    async def _embed(self, request: Request) -> Response:
        body = await request.json()
        if self.model(body.get("model", "")) is None:
            return self.error(404, f"model '{body.get('model')}' not found")
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        return await self.whole(
            request,
            {
                "model": body["model"],
                "embeddings": [vector(text, self.dimensions) for text in texts],
                "total_duration": 1,
                "load_duration": 1,
                "prompt_eval_count": sum(len(text.split()) for text in texts),
            },
        )

    async def _lines(self, request: Request, lines: list[dict[str, Any]]) -> Response:
        error = json.dumps({"error": "an error was encountered while running the model"}) + "\n"
        return await self.stream(
            request, [json.dumps(line) + "\n" for line in lines], error, media_type=NDJSON
        )


def _name(body: Mapping[str, Any]) -> str:
    return str(body.get("model") or body.get("name") or "")


async def _json(request: Request) -> dict[str, Any] | None:
    try:
        body = json.loads(await request.body())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _digest(name: str) -> str:
    return "sha256:" + hashlib.sha256(name.encode()).hexdigest()


def _details(model: EmulatedModel) -> dict[str, Any]:
    family = "nomic-bert" if model.embedding else "llama"
    return {
        "parent_model": "",
        "format": "gguf",
        "family": family,
        "families": [family],
        "parameter_size": "1.0B",
        "quantization_level": "Q4_K_M",
    }


def _remote(model: EmulatedModel) -> dict[str, str]:
    if not model.hosted:
        return {}
    return {"remote_model": model.name, "remote_host": "https://ollama.com:443"}


def _listed(model: EmulatedModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "model": model.name,
        "modified_at": NOW,
        "size": 384 if model.hosted else 1_000_000,
        "digest": _digest(model.name).removeprefix("sha256:"),
        "details": _details(model),
        **_remote(model),
    }


def _asked(body: Mapping[str, Any]) -> Asked:
    options = body.get("options") or {}
    stop = options.get("stop") or []
    schema = body.get("format")
    return Asked(
        model=body["model"],
        messages=[(m["role"], m.get("content") or "") for m in body.get("messages") or []],
        max_tokens=options.get("num_predict"),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        tools=tuple(tool["function"]["name"] for tool in body.get("tools") or []),
        schema=schema if isinstance(schema, dict) else None,
        body=body,
    )


def _calls(spoken: Spoken) -> dict[str, Any]:
    if not spoken.tool_calls:
        return {}
    return {
        "tool_calls": [
            {"function": {"name": call.name, "arguments": json.loads(call.arguments)}}
            for call in spoken.tool_calls
        ]
    }


def _answer(model: EmulatedModel, asked: Asked, spoken: Spoken) -> list[dict[str, Any]]:
    head = {"model": asked.model, "created_at": NOW, **_remote(model)}
    lines = [
        {**head, "message": {"role": "assistant", "content": piece}, "done": False}
        for piece in spoken.pieces
    ]
    if spoken.tool_calls:
        message = {"role": "assistant", "content": "", **_calls(spoken)}
        lines.append({**head, "message": message, "done": False})
    end = {
        **head,
        "message": {"role": "assistant", "content": ""},
        "done": True,
        # Ollama knows two reasons only: a tool call ends with "stop".
        "done_reason": "length" if spoken.reason == "length" else "stop",
        "total_duration": 1,
        "load_duration": 1,
        "prompt_eval_count": asked.tokens,
        "prompt_eval_duration": 1,
        "eval_count": spoken.tokens,
        "eval_duration": 1,
    }
    return [*lines, end]
