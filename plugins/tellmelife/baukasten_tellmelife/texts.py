"""Every text for people and for models, by language, and dates as each language writes them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from baukasten_core.api import Messages

FOLDER = Path(__file__).parent

MESSAGES = Messages(FOLDER / "messages")
PROMPTS = Messages(FOLDER / "prompts")

LANGUAGES = ("de", "en", "es")


def written_date(language: str, day: date) -> str:
    """`3 March 1962`, `3. März 1962`, `3 de marzo de 1962`."""
    month = months(language)[day.month - 1]
    return MESSAGES.translate(language, "date", day=day.day, month=month, year=day.year)


def months(language: str) -> list[str]:
    return MESSAGES.translate(language, "months").split()


def weekdays(language: str) -> list[str]:
    """From Monday on."""
    return MESSAGES.translate(language, "weekdays").split()
