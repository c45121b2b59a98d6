"""The chapter of an entry: by a language model if there is one, else in the entry's own words."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from baukasten_core.api import (
    Answer,
    InvalidOutput,
    Kit,
    Message,
    ProviderUnavailable,
    Source,
)
from baukasten_tellmelife import own_words
from baukasten_tellmelife.facts import unverified
from baukasten_tellmelife.models import Entry
from baukasten_tellmelife.showcase import LifeConfig
from baukasten_tellmelife.texts import MESSAGES, PROMPTS, written_date

PROMPT_VERSION = 1
PART = 8000
"""Characters of an entry that are given to a model at once; a longer one goes in parts."""

TELLING = 60
"""Characters from which the language of an answer can be told."""

THOUGHTS = re.compile(r"<think>.*?</think>", re.DOTALL)
TITLE_LINE = re.compile(r"\s*#+ *(?P<title>[^\n]{1,200})(?:\n+|$)")
MARKUP = re.compile(r"(?m)^#+ +|\*\*|^```\w*$")


@dataclass(frozen=True, slots=True)
class Written:
    """A finished chapter. `method`: `llm` or `extractive`; `meta` says which model."""

    title: str
    text: str
    method: str
    unverified: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wish:
    """How a chapter shall be written.

    `provider`, `model`: who shall be asked; the configured chain by default. `strict`: an error
    when they don't answer, instead of the entry's own words. `ask` False: nobody is asked.
    """

    config: LifeConfig
    provider: str | None = None
    model: str = ""
    strict: bool = False
    ask: bool = True


def fingerprint(entry: Entry, config: LifeConfig) -> str:
    """Changes when the entry, or how it shall be written, does."""
    values = [PROMPT_VERSION, str(entry.date), entry.title, entry.text, entry.language]
    values += [config.style, config.use_llm]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


async def write_chapter(kit: Kit, entry: Entry, wish: Wish) -> Written:
    """The chapter of an entry.

    When no model answers (none is installed, or it is down), the chapter is made of the entry's
    own words, and `method` says so.

    Raises what `Kit.generate` raises, and `InvalidOutput` for an answer that is no chapter.
    """
    if not wish.ask:
        return in_own_words(entry)
    try:
        answers = [await _ask(kit, entry, wish, part) for part in _prompts(entry, wish.config)]
    except ProviderUnavailable:
        if wish.strict:
            raise
        return in_own_words(entry)
    if any(answer.routed.provider == "extractive" for answer in answers):
        return in_own_words(entry)
    return await _written(kit, entry, answers)


def in_own_words(entry: Entry) -> Written:
    """Nothing added, nothing left out."""
    title = entry.title or own_words.title_of(entry.text, entry.date, entry.language)
    return Written(title, "\n\n".join(own_words.paragraphs(entry.text)), "extractive")


# --- asking a model -----------------------------------------------------------------------


def _prompts(entry: Entry, config: LifeConfig) -> list[tuple[list[Message], str]]:
    """The messages for each part of the entry, and that part."""
    day = written_date(entry.language, entry.date)
    parts = _parts(entry.text)
    asked = []
    for number, part in enumerate(parts, 1):
        first = "task.text" if entry.title else "task.title"
        key = first if number == 1 else "task.part"
        task = PROMPTS.translate(
            entry.language, key, date=day, title=entry.title, part=number, parts=len(parts)
        )
        # The fence is a hash of what it encloses: a text can't contain it.
        fence = f"=== {hashlib.sha256(part.encode()).hexdigest()[:16]} ==="
        style = PROMPTS.translate(entry.language, f"style.{config.style}")
        system = PROMPTS.translate(entry.language, "system", style=style, fence=fence)
        user = f"{task}\n\n{fence}\n{part}\n{fence}"
        asked.append(([Message("system", system), Message("user", user)], part))
    return asked


def _parts(text: str) -> list[str]:
    """The text in parts of whole paragraphs, each of at most about PART characters."""
    parts: list[str] = []
    for paragraph in own_words.paragraphs(text):
        if parts and len(parts[-1]) + len(paragraph) <= PART:
            parts[-1] += "\n\n" + paragraph
        else:
            parts.append(paragraph)
    return parts


async def _ask(kit: Kit, entry: Entry, wish: Wish, prompt: tuple[list[Message], str]) -> Answer:
    messages, part = prompt
    answer = await kit.generate(
        messages,
        project_id=entry.project_id,
        provider=wish.provider,
        model=wish.model,
        sources=[Source(part)],
        max_tokens=max(2000, len(part)),
    )
    if answer.finished.reason != "stop":
        raise InvalidOutput(_say(entry, "chapter.cut", reason=answer.finished.reason))
    return answer


async def _written(kit: Kit, entry: Entry, answers: list[Answer]) -> Written:
    texts = [_plain(answer.text) for answer in answers]
    title, texts[0] = _titled(texts[0])
    text = "\n\n".join(own_words.paragraphs("\n\n".join(texts)))
    if not all(part.strip() for part in texts):
        raise InvalidOutput(_say(entry, "chapter.empty"))
    if len(text) >= TELLING and await kit.detect_language(text) not in {None, entry.language}:
        raise InvalidOutput(_say(entry, "chapter.language"))
    title = entry.title or title or own_words.title_of(text, entry.date, entry.language)
    source = f"{entry.title or ''}\n{entry.text}"
    new = unverified(f"{title}\n{text}", source, entry.date, entry.language)
    routed = answers[0].routed
    meta = {
        "instance": routed.instance,
        "provider": routed.provider,
        "model": answers[0].finished.model or routed.model,
        "region": routed.region,
    }
    return Written(title, text, "llm", tuple(new), meta)


def _plain(text: str) -> str:
    """An answer without a model's thoughts about it."""
    return THOUGHTS.sub("", text).strip()


def _titled(text: str) -> tuple[str, str]:
    """A title and the text under it, without what is left of markup."""
    match = TITLE_LINE.match(text)
    title = match["title"] if match else ""
    rest = text[match.end() :] if match else text
    return " ".join(MARKUP.sub("", title).split()).strip('"“”„«»'), MARKUP.sub("", rest)


def _say(entry: Entry, key: str, **values: object) -> str:
    return MESSAGES.translate(entry.language, key, **values)
