"""Structured logs: one JSON object a line, identifiers only, never anybody's text."""

from __future__ import annotations

import logging
import sys
import traceback

import structlog


def configure_logs(level: str = "info") -> None:
    """Set up logging for this process: JSON lines on standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def traceback_of(error: BaseException) -> dict[str, object]:
    """What may be logged of an unexpected error: its type and where it happened. Its message is
    left out, because messages of databases and parsers quote the data they fail on."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    }
