"""Cosines of different models on one scale.

How high two related texts come is a habit of each model: 0.6 is near for one and far for another.
So each embedder is asked for the same pairs of questions and answers: the mean cosine of those that
belong together, and of those that do not. A straight line takes its two means to those of the
default embedder, for whose cosines the score was made.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baukasten_core.documents.embedders import Embedder, Embedders

LEAST_APART = 0.01
"""Means that are nearer to one another say nothing, and no line goes through them."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """The mean cosine of pairs that belong together, and of those that do not."""

    related: float
    unrelated: float


@dataclass(frozen=True, slots=True)
class Line:
    """Takes a cosine of one embedder to what it would be with another."""

    slope: float = 1.0
    offset: float = 0.0

    @classmethod
    def between(cls, anchors: Anchors, target: Anchors) -> Line:
        """The line that takes the one's anchors to the other's."""
        apart = anchors.related - anchors.unrelated
        slope = (target.related - target.unrelated) / apart if apart > LEAST_APART else 0.0
        if slope <= 0:  # a model without any sense: leave it as it is
            return cls()
        return cls(slope, target.unrelated - slope * anchors.unrelated)

    def __call__(self, cosine: float) -> float:
        return self.slope * cosine + self.offset


class Calibration:
    """The line of each embedder, computed once, when it is first needed."""

    def __init__(self, embedders: Embedders) -> None:
        self._embedders = embedders
        self._anchors: dict[str, Anchors] = {}
        self._lock = asyncio.Lock()

    async def line(self, embedder: Embedder) -> Line:
        """What takes an embedder's cosines to the default one's, which stay as they are.

        Raises `ProviderUnavailable` while one of the two can't be asked.
        """
        default = self._embedders.default
        if embedder.name == default.name:
            return Line()
        async with self._lock:
            return Line.between(await self._of(embedder), await self._of(default))

    async def _of(self, embedder: Embedder) -> Anchors:
        if embedder.name not in self._anchors:
            # Our own texts: nobody's data, so no guard is asked.
            texts = [*QUESTIONS, *ANSWERS]
            vectors = await embedder.provider.embed(texts, priority="query")
            self._anchors[embedder.name] = anchors(vectors)
        return self._anchors[embedder.name]


def anchors(vectors: NDArray[np.float32]) -> Anchors:
    """Of the vectors of all questions, then of all answers."""
    count = len(PAIRS)
    cosines = vectors[:count] @ vectors[count:].T
    related = float(np.trace(cosines)) / count
    unrelated = float(cosines.sum() - np.trace(cosines)) / (count * (count - 1))
    return Anchors(related, unrelated)


PAIRS = (
    (
        "How many days of holiday do I have?",
        "Full-time employees are entitled to thirty days of annual leave in a calendar year.",
    ),
    (
        "When must an invoice be paid?",
        "Payment is due within fourteen days of receipt, without any deduction.",
    ),
    (
        "What do I do if the pump loses pressure?",
        "Close the inlet valve, switch the unit off and check the seal for leaks.",
    ),
    (
        "Who is allowed to enter the laboratory?",
        "Only staff who have passed the safety briefing may go into the test rooms.",
    ),
    (
        "How did grandfather meet his wife?",
        "They first saw each other at a village dance in the summer of 1953.",
    ),
    (
        "How can I reset my password?",
        "Choose 'Forgotten?' on the sign-in page; you are then sent a link by mail.",
    ),
    (
        "Which programming languages does she know?",
        "She has written services in Python and Go for six years.",
    ),
    (
        "How long does the battery last?",
        "A full charge is enough for about eleven hours of continuous use.",
    ),
    (
        "Wie lange ist die Kündigungsfrist?",
        "Das Arbeitsverhältnis kann mit einer Frist von drei Monaten zum Quartalsende beendet "
        "werden.",
    ),
    (
        "Wann wird der Müll abgeholt?",
        "Die Tonnen werden jeden zweiten Dienstag ab sechs Uhr morgens geleert.",
    ),
    (
        "Wer zahlt bei einem Wasserschaden?",
        "Schäden durch ausgetretenes Leitungswasser übernimmt die Gebäudeversicherung.",
    ),
    (
        "Wie beantrage ich Elternzeit?",
        "Der Antrag ist spätestens sieben Wochen vorher schriftlich beim Arbeitgeber zu stellen.",
    ),
    (
        "Welche Erfahrung hat der Bewerber mit Holzbau?",
        "Er arbeitete zehn Jahre lang als Zimmermann und leitete zuletzt eine Werkstatt.",
    ),
    (
        "Warum zogen die Eltern in die Stadt?",
        "Nach dem Krieg fand der Vater eine Stelle in der Weberei, und die Familie folgte ihm.",
    ),
    (
        "Wie oft muss der Filter gewechselt werden?",
        "Der Luftfilter ist alle sechs Monate oder nach 500 Betriebsstunden zu ersetzen.",
    ),
    (
        "Was kostet ein Ersatzausweis?",
        "Für einen verlorenen Ausweis wird eine Gebühr von zwanzig Euro erhoben.",
    ),
    (
        "¿Cuándo abre la biblioteca?",
        "La sala de lectura está abierta de lunes a sábado, de nueve a ocho.",
    ),
    (
        "¿Qué documentos necesito para el contrato?",
        "Hay que presentar el pasaporte y un justificante de domicilio.",
    ),
    (
        "¿Quién fundó la empresa?",
        "Dos hermanas abrieron el primer taller en Sevilla en 1921.",
    ),
    (
        "¿Cómo se limpia la máquina?",
        "Desenchúfela y pase un paño húmedo por las piezas desmontables.",
    ),
    (
        "¿Cuánto dura la garantía?",
        "El fabricante responde de los defectos durante dos años desde la compra.",
    ),
    (
        "¿Qué idiomas habla la candidata?",
        "Domina el francés y el inglés, y estudia alemán desde hace un año.",
    ),
    (
        "¿Dónde pasaban los veranos?",
        "Cada julio iban a la casa de los abuelos, junto al mar.",
    ),
    (
        "¿Se puede devolver un pedido?",
        "Los artículos sin usar se aceptan de vuelta en un plazo de treinta días.",
    ),
)
"""Ours, in the three languages that the platform speaks. Questions share few words with their
answers: it is meaning that is compared."""
QUESTIONS = tuple(question for question, _ in PAIRS)
ANSWERS = tuple(answer for _, answer in PAIRS)
