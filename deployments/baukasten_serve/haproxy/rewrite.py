"""Rewrites the configuration that Ray Serve generates for HAProxy.

Ray binds statistics and metrics on every interface, makes the admin socket world-writable,
logs query strings, turns 502, 503 and 504 into a bare 500 and retries only failed connects.
Whatever this module expects and does not find is an error: after an update of Ray the platform
must not run half protected.

Standard library only: it runs at every reload of HAProxy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

LOG_FORMAT = (
    '"%ci [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %HM %HP"'
)
"""HAProxy's `httplog` without the query string (%HP is the path alone)."""

RETRY_ON = "conn-failure empty-response junk-response"
"""A failed connect is retried for every request: nothing was sent. The others only for requests
that may be sent twice, see `IDEMPOTENT_PATHS`."""

DROPPED = {"httplog", "splice-request", "splice-response"}
"""Options that are taken out: our log format replaces the first; with the others HAProxy does not
notice of one request in five that its client has gone, and the work on it goes on (measured)."""

RETRIES = 6
"""A replica that died is marked down after three failed connects, and only then Serve's own proxy
steps in, which holds requests until there is a new replica: three retries would end too early."""

IDEMPOTENT_PATHS = ("/v1/embeddings", "/llm/embed", "/documents/search")
"""POST routes that may be sent twice; GET, HEAD and OPTIONS may anyway."""

STARTING = "Baukasten is starting; ask again in a moment."
PROBLEMS = {
    400: ("bad-request", "Bad request", "This is not a valid HTTP request."),
    408: ("timeout", "Request too slow", "The request did not arrive in time; send it again."),
    500: ("internal", "Internal error", "The HTTP ingress failed; its log has more."),
    502: (
        "unavailable",
        "Not available right now",
        "The process that worked on this broke off. Look whether it was done before you repeat it.",
    ),
    503: ("unavailable", "Not available right now", "No process can take this now; ask again."),
    504: ("unavailable", "Not available right now", "The answer took too long; ask again."),
}
RETRY_AFTER = {502: 2, 503: 2, 504: 5}


class UnexpectedConfig(Exception):
    """The generated configuration is not what this module knows how to make safe."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the platform wants of HAProxy.

    Attributes:
        folder: an owner-only folder with the pages of `error_pages`, where statistics and metrics
            get their sockets.
        bind: the address of the HTTP port; None keeps what Ray wrote.
    """

    folder: str
    bind: str | None = None


def rewrite(config: str, options: Options) -> str:
    """The safe form of a generated configuration; rewriting twice changes nothing."""
    if MARK in config:
        return config
    sections = _sections(config)
    done: set[str] = set()
    lines = [MARK]
    for name, body in sections:
        lines += _rewritten(name, body, options, done)
    if missing := {"global", "defaults", "prometheus", "http_frontend", "default", "stats"} - done:
        raise UnexpectedConfig(f"no section for {', '.join(sorted(missing))}")
    _refuse_open_binds(lines, options)
    return "\n".join(lines) + "\n"


MARK = "# made safe by baukasten_serve.haproxy"


def _sections(config: str) -> list[tuple[str, list[str]]]:
    """The configuration cut at its section headers, which start in the first column."""
    sections: list[tuple[str, list[str]]] = []
    for line in config.splitlines():
        if line and not line[0].isspace() and not line.startswith("#"):
            sections.append((line.strip(), []))
        elif sections:
            sections[-1][1].append(line)
        elif line.strip():
            raise UnexpectedConfig(f"a line before the first section: {line.strip()}")
    return sections


def _rewritten(name: str, body: list[str], options: Options, done: set[str]) -> Iterator[str]:
    rule = RULES.get(name)
    yield name
    if rule is None:
        yield from body
        return
    done.add(rule.label)
    yield from rule.apply(body, options)


# --- one function a section ----------------------------------------------------------------


def _global(body: list[str], options: Options) -> Iterator[str]:
    replaced = 0
    for line in body:
        if line.strip().startswith("stats socket "):
            line, count = re.subn(r"\bmode 666\b", "mode 600", line)
            replaced += count
        yield line
    if replaced != 1:
        raise UnexpectedConfig("the admin socket's mode was not found")


def _defaults(body: list[str], options: Options) -> Iterator[str]:
    for line in body:
        words = line.split()
        if words[:1] in (["errorfile"], ["retry-on"], ["retries"]) or DROPPED.intersection(words):
            continue
        yield line
    yield f"    log-format {LOG_FORMAT}"
    yield f"    retry-on {RETRY_ON}"
    yield f"    retries {RETRIES}"
    yield "    timeout http-request 30s"
    for status in PROBLEMS:
        yield f"    errorfile {status} {options.folder}/{status}.http"


def _prometheus(body: list[str], options: Options) -> Iterator[str]:
    yield from _bound_to_socket(body, f"{options.folder}/prom.sock")


def _stats(body: list[str], options: Options) -> Iterator[str]:
    yield from _bound_to_socket(body, f"{options.folder}/stats.sock")


def _bound_to_socket(body: list[str], path: str) -> Iterator[str]:
    binds = 0
    for line in body:
        if line.split()[:1] == ["bind"]:
            line = f"    bind unix@{path} mode 600"
            binds += 1
        yield line
    if binds != 1:
        raise UnexpectedConfig(f"{binds} binds where one was expected")


def _http_frontend(body: list[str], options: Options) -> Iterator[str]:
    binds = 0
    for line in body:
        if line.split()[:1] != ["bind"]:
            yield line
            continue
        binds += 1
        address, port = line.split()[1].rsplit(":", 1)
        yield f"    bind {_address(options.bind or address)}:{port}"
        yield from _request_rules()
    if binds != 1:
        raise UnexpectedConfig("the HTTP port's bind was not found")


def _request_rules() -> Iterator[str]:
    paths = " ".join(IDEMPOTENT_PATHS)
    # Whom we saw, after whatever stands there: who of these is believed is decided in one place,
    # baukasten_core/http/addresses.py, by `server.trusted_proxies`.
    yield "    http-request add-header X-Forwarded-For %[src]"
    yield "    acl from_this_machine src 127.0.0.0/8 ::1"
    yield "    http-request del-header X-Forwarded-Proto if !from_this_machine"
    yield "    acl may_be_repeated method GET HEAD OPTIONS"
    yield f"    acl may_be_repeated path {paths}"
    # Only what HAProxy still holds can be sent again: a body has to be there first, as far as it
    # fits into a buffer.
    yield f"    http-request wait-for-body time 10s if METH_POST {{ path {paths} }}"
    yield "    http-request disable-l7-retry if !may_be_repeated"
    # Serve adds an id of its own after the one that our logs and problem documents have.
    yield (
        "    http-response set-header X-Request-ID %[res.hdr(X-Request-ID,1)]"
        " if { res.hdr_cnt(X-Request-ID) gt 1 }"
    )


def _default_backend(body: list[str], options: Options) -> Iterator[str]:
    # The application `api` has the prefix `/`: nothing comes here but before it is up.
    yield (
        f"    http-request return status 503 content-type application/problem+json"
        f" string '{problem(503, STARTING)}' hdr Retry-After {RETRY_AFTER[503]}"
    )


def _address(address: str) -> str:
    return f"[{address}]" if ":" in address and not address.startswith("[") else address


def problem(status: int, detail: str | None = None) -> str:
    """A problem document as JSON without apostrophes, which HAProxy would read as quotes."""
    kind, title, sentence = PROBLEMS[status]
    document = {
        "type": f"/problems/{kind}",
        "title": title,
        "status": status,
        "detail": detail or sentence,
    }
    return json.dumps(document).replace("'", "\\u0027")


def error_pages() -> dict[str, str]:
    """Whole responses by file name, for `errorfile`.

    HAProxy's newer `http-error` is not used for requests it can't even parse.
    """
    return {f"{status}.http": _response(status) for status in PROBLEMS}


def _response(status: int) -> str:
    body = problem(status)
    headers = {
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "Connection": "close",
    }
    if status in RETRY_AFTER:
        headers["Retry-After"] = str(RETRY_AFTER[status])
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", body])


def _refuse_open_binds(lines: list[str], options: Options) -> None:
    """Only the HTTP port may be reached from elsewhere (and gRPC, where an operator starts it)."""
    section = ""
    for line in lines:
        if line and not line[0].isspace():
            section = line.strip()
        words = line.split()
        allowed = section in ("frontend http_frontend", "frontend grpc_frontend")
        if words[:1] == ["bind"] and not allowed and not words[1].startswith("unix@"):
            raise UnexpectedConfig(f"`{section}` would listen on {words[1]}")


@dataclass(frozen=True, slots=True)
class _Rule:
    label: str
    apply: Callable[[list[str], Options], Iterator[str]]


RULES = {
    "global": _Rule("global", _global),
    "defaults": _Rule("defaults", _defaults),
    "frontend prometheus": _Rule("prometheus", _prometheus),
    "frontend http_frontend": _Rule("http_frontend", _http_frontend),
    "backend default_backend": _Rule("default", _default_backend),
    "listen stats": _Rule("stats", _stats),
}
