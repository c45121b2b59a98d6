"""Plain texts for tests: several lengths, three languages, nothing about anybody."""

from __future__ import annotations

SENTENCES: tuple[str, ...] = (
    "Invoices are sent on the first working day of the month.",
    "The pump must be switched off before its filter is changed.",
    "Rechnungen werden am ersten Werktag des Monats verschickt.",
    "Vor dem Wechsel des Filters ist die Pumpe auszuschalten.",
    "Las facturas se envían el primer día laborable del mes.",
    "Short.",
    "Bread rises because yeast turns sugar into carbon dioxide, which the dough's gluten holds "
    "back in small bubbles; salt slows the yeast down and makes the gluten firmer.",
    "The library opens at nine and closes at six, on Saturdays at one.",
    "A backup that was never restored is a hope, not a backup. Restore one every month, on "
    "another machine, and compare what came back with what was there.",
    "42",
    "Der Zug nach Norden fährt heute von Gleis sieben ab.",
    "Glaciers carve valleys with round floors, rivers carve valleys with sharp ones.",
)
