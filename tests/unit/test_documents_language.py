"""Languages are told apart, and nothing is said where nothing can be told."""

from __future__ import annotations

import pytest

from baukasten_core.documents.language import STEMMERS, LanguageDetector

SENTENCES = {
    "da": "Aftalen kan opsiges skriftligt med en måneds varsel, og nøglerne skal afleveres.",
    "de": "Der Vertrag kann mit einer Frist von drei Monaten schriftlich gekündigt werden.",
    "en": "The agreement may be terminated in writing with a notice period of three months.",
    "es": "El contrato puede rescindirse por escrito con un plazo de preaviso de tres meses.",
    "fi": "Sopimus voidaan irtisanoa kirjallisesti kolmen kuukauden irtisanomisajalla.",
    "fr": "Le contrat peut être résilié par écrit avec un préavis de trois mois.",
    "hu": "A szerződés három hónapos felmondási idővel írásban felmondható.",
    "it": "Il contratto può essere disdetto per iscritto con un preavviso di tre mesi.",
    "nl": "De overeenkomst kan schriftelijk worden opgezegd met een termijn van drie maanden.",
    "no": "Jeg vet ikke hvorfor avtalen ikke ble sagt opp skriftlig innen tre måneder.",
    "pt": "O contrato pode ser rescindido por escrito com um prazo de aviso prévio de três meses.",
    "ro": "Contractul poate fi reziliat în scris cu un termen de preaviz de trei luni.",
    "ru": "Договор может быть расторгнут в письменной форме с уведомлением за три месяца.",
    "sv": "Avtalet kan sägas upp skriftligen med en uppsägningstid på tre månader.",
}


@pytest.fixture(scope="module")
def detector() -> LanguageDetector:
    return LanguageDetector()


@pytest.mark.parametrize("language", STEMMERS)
def test_a_sentence_is_enough(detector: LanguageDetector, language: str) -> None:
    found = detector.detect(SENTENCES[language])
    assert found is not None
    assert found.language == language


@pytest.mark.parametrize(
    "text", ["", "hi", "12345 678", "!?…", "Où est la gare", "\U0001f600" * 50]
)
def test_what_is_too_short_or_unsure_has_no_language(detector: LanguageDetector, text: str) -> None:
    assert detector.detect(text) is None


def test_possible_languages_help_with_a_few_words(detector: LanguageDetector) -> None:
    found = detector.detect("contrato de alquiler", among=("de", "en", "es"))
    assert found is not None
    assert (found.language, found.confidence > 0.9) == ("es", True)


async def test_the_answer_is_always_the_same(detector: LanguageDetector) -> None:
    text = SENTENCES["nl"] * 500
    answers = {detector.detect(text) for _ in range(20)} | {LanguageDetector().detect(text)}
    assert answers == {await detector.detect_in_thread(text)}


def test_every_language_has_its_stemmer() -> None:
    import Stemmer

    assert set(STEMMERS.values()) <= set(Stemmer.algorithms())
