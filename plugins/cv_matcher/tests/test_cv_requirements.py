"""Requirements are read from job advertisements in three languages, by their form."""

from __future__ import annotations

import pytest
from baukasten_cv_matcher.requirements import find_requirements
from hypothesis import given
from hypothesis import strategies as st

ENGLISH = """Senior Data Engineer (m/f/d)

We build tools for water utilities. Our team of ten works from the coast and remotely.

Your responsibilities
- Design pipelines in Python
- Run our Kubernetes clusters

Your profile
• At least 5 years of experience with Python
• Solid knowledge of SQL and PostgreSQL
• Fluent English; German is a plus

Nice to have:
• Knowledge of Rust

We offer
- 30 days of holiday
"""
GERMAN = """Softwareentwickler (m/w/d)

Ihre Aufgaben:
* Entwicklung von Webanwendungen

Das bringen Sie mit:
* Abgeschlossenes Studium der Informatik oder vergleichbare Ausbildung
* Gute Englischkenntnisse
* Idealerweise Erfahrung mit Kubernetes

Wir bieten:
* Einen Obstkorb
"""
SPANISH = """Buscamos contable para nuestra oficina.
Requisitos:
Titulación en Administración de Empresas
Mínimo 3 años de experiencia en contabilidad
Conocimientos de SAP
Se valorará nivel alto de inglés
Ofrecemos:
Contrato indefinido
"""
WITHOUT_HEADINGS = (
    "Wir suchen eine Pflegekraft. Sie haben eine abgeschlossene Ausbildung in der Pflege. "
    "Kenntnisse in der Wundversorgung sind von Vorteil. Wir freuen uns auf Sie."
)
IN_ONE_LINE = "Requirements: Python, SQL and Docker. Nice to have: Terraform."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            ENGLISH,
            [
                ("must", "At least 5 years of experience with Python"),
                ("must", "Solid knowledge of SQL and PostgreSQL"),
                ("must", "Fluent English"),
                ("nice", "German is a plus"),
                ("nice", "Knowledge of Rust"),
            ],
        ),
        (
            GERMAN,
            [
                ("must", "Abgeschlossenes Studium der Informatik oder vergleichbare Ausbildung"),
                ("must", "Gute Englischkenntnisse"),
                ("nice", "Idealerweise Erfahrung mit Kubernetes"),
            ],
        ),
        (
            SPANISH,
            [
                ("must", "Titulación en Administración de Empresas"),
                ("must", "Mínimo 3 años de experiencia en contabilidad"),
                ("must", "Conocimientos de SAP"),
                ("nice", "Se valorará nivel alto de inglés"),
            ],
        ),
        (
            WITHOUT_HEADINGS,
            [
                ("must", "Sie haben eine abgeschlossene Ausbildung in der Pflege."),
                ("nice", "Kenntnisse in der Wundversorgung sind von Vorteil."),
            ],
        ),
        (IN_ONE_LINE, [("must", "Python, SQL and Docker."), ("nice", "Terraform.")]),
        ("We are a nice company near the sea.", []),
        ("", []),
    ],
)
def test_requirements_are_found_and_nothing_else(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert [(item.importance, item.text) for item in find_requirements(text)] == expected


@given(
    st.lists(
        st.sampled_from(
            [*ENGLISH.splitlines(), *GERMAN.splitlines(), *SPANISH.splitlines(), "a: b; c", "* ;"]
        )
        | st.text(max_size=60),
        max_size=25,
    )
)
def test_a_requirement_is_always_a_piece_of_the_advertisement(lines: list[str]) -> None:
    text = "\n".join(lines)
    for item in find_requirements(text):
        assert text[item.start : item.end] == item.text
        assert any(character.isalpha() for character in item.text)
