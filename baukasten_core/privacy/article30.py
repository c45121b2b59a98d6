"""The record of processing activities that GDPR Article 30 asks for, from the data map and the
configured processors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

ENTRIES = text(
    'SELECT plugin, "table", subject, purpose, legal_basis, retention FROM core.data_map'
    ' ORDER BY plugin, purpose, "table"'
)

BASES = {
    "consent": "consent (Art. 6(1)(a))",
    "contract": "contract (Art. 6(1)(b))",
    "legal_obligation": "legal obligation (Art. 6(1)(c))",
    "vital_interests": "vital interests (Art. 6(1)(d))",
    "public_task": "public task (Art. 6(1)(e))",
    "legitimate_interests": "legitimate interests (Art. 6(1)(f))",
}

MEASURES = (
    "Each tenant's rows are isolated by row-level security that the database enforces.",
    "Data leaves for a region only if its tenant and project allow it; refusals are logged.",
    "Passwords are hashed with Argon2, tokens and keys are kept as hashes.",
    "Logs hold identifiers, never texts, prompts or answers.",
    "Erasure covers rows, vectors, files and queued jobs, and is verified and receipted.",
)
"""Article 30(1)(g): what the platform itself does. The operator adds theirs."""


@dataclass(frozen=True, slots=True)
class Processor:
    """Who else processes data: a configured service. `region`: where; `local` is this machine.

    `name` is the operator's, `processor` the company's, as configured.
    """

    kind: str
    name: str
    provider: str
    region: str
    processor: str | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """One purpose, with the tables it needs."""

    plugin: str
    purpose: str
    subject: str
    legal_basis: str
    retention: str
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """The record; `as_json` and `as_markdown` print it."""

    controller: str
    activities: Sequence[Activity]
    processors: Sequence[Processor]
    made_at: datetime

    def as_json(self) -> dict[str, Any]:
        return {
            "controller": self.controller or None,
            "made_at": self.made_at.isoformat(timespec="seconds"),
            "activities": [asdict(activity) for activity in self.activities],
            "processors": [asdict(processor) for processor in self.processors],
            "measures": list(MEASURES),
        }

    def as_markdown(self) -> str:
        controller = self.controller or "**missing**: set `privacy.controller`"
        elsewhere = [processor for processor in self.processors if processor.region != "local"]
        return "\n".join(
            [
                "# Record of processing activities (GDPR, Article 30)",
                "",
                f"Controller: {controller}",
                f"Made: {self.made_at:%Y-%m-%d %H:%M} UTC",
                "",
                "## Processing",
                "",
                *_table(
                    ("part", "purpose", "whose data", "legal basis", "kept", "tables"),
                    [_row(activity) for activity in self.activities],
                ),
                "",
                "## Recipients",
                "",
                *(_recipients(elsewhere) if elsewhere else ["None: all data stays here."]),
                "",
                "## Measures",
                "",
                *(f"- {measure}" for measure in MEASURES),
                "",
            ]
        )


async def record_of_processing(
    session: AsyncSession, controller: str, processors: Sequence[Processor]
) -> Record:
    """The record as of now; every plugin that has tables here is in it, also one that is gone."""
    groups: dict[Activity, list[str]] = {}
    for row in await session.execute(ENTRIES):
        about = Activity(row.plugin, row.purpose, row.subject, row.legal_basis, row.retention)
        groups.setdefault(about, []).append(row.table)
    activities = [replace(about, tables=tuple(tables)) for about, tables in groups.items()]
    return Record(controller, activities, processors, datetime.now(UTC))


def _row(activity: Activity) -> tuple[str, ...]:
    basis = BASES[activity.legal_basis]
    tables = ", ".join(f"`{name}`" for name in activity.tables)
    kept = activity.retention
    return (activity.plugin, activity.purpose, activity.subject, basis, kept, tables)


def _recipients(processors: Sequence[Processor]) -> list[str]:
    rows = [
        (p.kind, p.name, p.provider, p.processor or "**missing**: set `processor`", p.region)
        for p in processors
    ]
    return _table(("what for", "name", "provider", "processor", "region"), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(head), line(("---",) * len(head)), *map(line, rows)]
