"""A conversation to take along: Markdown, JSON or PDF, in its reader's language."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from baukasten_core.api import Kit, Language, render_pdf
from baukasten_privategpt.schemas import CitationOut, ConversationWithMessages, MessageOut
from baukasten_privategpt.texts import FOLDER, MESSAGES

TEMPLATE = FOLDER / "templates" / "conversation.typ"
MEDIA_TYPES = {
    "markdown": "text/markdown; charset=utf-8",
    "json": "application/json",
    "pdf": "application/pdf",
}
SUFFIXES = {"markdown": "md", "json": "json", "pdf": "pdf"}
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|])")


def file_name(conversation: ConversationWithMessages, form: str) -> str:
    """Its title as files may be called."""
    words = re.sub(r"[^\w -]+", "", conversation.title).strip()[:60] or "conversation"
    return f"{words}.{SUFFIXES[form]}"


async def exported(kit: Kit, conversation: ConversationWithMessages, form: str) -> bytes:
    """The whole conversation in a form of `MEDIA_TYPES`."""
    if form == "json":
        return json.dumps(
            conversation.model_dump(mode="json"), ensure_ascii=False, indent=2
        ).encode()
    if form == "markdown":
        return _markdown(conversation, kit.language).encode()
    pdf = await render_pdf(TEMPLATE, _data(conversation, kit.language), language=kit.language)
    return pdf.content


def _data(conversation: ConversationWithMessages, language: Language) -> dict[str, Any]:
    """For `templates/conversation.typ`: strings, never markup."""
    return {
        "title": conversation.title,
        "date": f"{conversation.created_at:%Y-%m-%d}",
        "sources": MESSAGES.translate(language, "export.sources"),
        "turns": [
            {
                "role": turn.role,
                "who": MESSAGES.translate(language, f"export.{turn.role}"),
                "text": turn.content,
                "by": answered_by(turn, language),
                "citations": [
                    {"head": head(citation, language), "quote": citation.quote}
                    for citation in turn.citations
                ],
            }
            for turn in conversation.messages
        ],
    }


def _markdown(conversation: ConversationWithMessages, language: Language) -> str:
    parts = [f"# {_plain(conversation.title)}", f"{conversation.created_at:%Y-%m-%d}"]
    for turn in conversation.messages:
        who = MESSAGES.translate(language, f"export.{turn.role}")
        parts += [f"## {who}", turn.content if turn.role == "assistant" else _plain(turn.content)]
        parts += _sources(turn.citations, language)
        by = answered_by(turn, language)
        parts += [f"*{_plain(by)}*"] if by else []
    return "\n\n".join(parts) + "\n"


def _sources(citations: Sequence[CitationOut], language: Language) -> list[str]:
    if not citations:
        return []
    lines = [f"**{MESSAGES.translate(language, 'export.sources')}**", ""]
    for citation in citations:
        quote = " ".join(citation.quote.split())
        lines.append(f"- {_plain(head(citation, language))}: “{_plain(quote)}”")
    return ["\n".join(lines)]


def head(citation: CitationOut, language: Language) -> str:
    """Number, title, page, and what is wrong with it."""
    page = MESSAGES.translate(language, "export.page", page=citation.page) if citation.page else ""
    faults = [
        MESSAGES.translate(language, f"export.{name}")
        for name, is_so in (("gone", citation.gone), ("unverified", not citation.verified))
        if is_so
    ]
    return ", ".join(filter(None, [f"[{citation.number}] {citation.title}", page, *faults]))


def answered_by(turn: MessageOut, language: Language) -> str:
    """Who gave an answer, and where."""
    meta = turn.meta
    if turn.role != "assistant" or not meta.get("model"):
        return ""
    facts = {name: meta.get(name) for name in ("provider", "model", "region")}
    said = MESSAGES.translate(language, "export.by", **facts)
    if meta.get("finish_reason") == "stopped":
        said += f" · {MESSAGES.translate(language, 'export.stopped')}"
    return said


def _plain(text: str) -> str:
    return SPECIAL.sub(r"\\\1", text)
