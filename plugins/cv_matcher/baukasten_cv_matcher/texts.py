"""What the showcase says to people, by language."""

from __future__ import annotations

from pathlib import Path

from baukasten_core.api import Messages

MESSAGES = Messages(Path(__file__).parent / "messages")
