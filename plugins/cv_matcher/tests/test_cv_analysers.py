"""What the analysers say about a CV, and that every quote stands in it."""

from __future__ import annotations

import pytest
from baukasten_cv_matcher.assessment import VALUE, Cv, Verdict, Weights, score
from baukasten_cv_matcher.extractive import ExtractiveAnalyser
from baukasten_cv_matcher.llm import PART, Judged, _finding, _parts, locate
from baukasten_cv_matcher.requirements import Importance, Requirement
from hypothesis import given
from hypothesis import strategies as st

CV = """Curriculum Vitae

Work experience
2015 - 2021 Data engineer at a waterworks: built pipelines in Python
Since 2022 Platform engineer: Terraform and Podman

Databases: Postgres, SQL
Languages: English (C1)
Education: studied computer science, 2010 - 2014
"""
GERMAN_CV = """Lebenslauf

Berufserfahrung
2019 - 2021 Anwendungsentwicklerin: Entwicklung von Fachverfahren mit Java
Datenbankentwicklung mit Oracle
Sprachen: Deutsch, Englisch
"""


def requirement(text: str, importance: Importance = "must") -> Requirement:
    return Requirement(text, importance, 0, len(text))


@pytest.mark.parametrize(
    ("asked", "verdict", "note", "quoted"),
    [
        ("At least 5 years of experience with Python", "full", None, "Python"),
        ("At least 9 years of experience with Python", "partial", "fewer_years", "Python"),
        ("Experience with Docker or Podman", "full", None, "Podman"),
        ("Solid knowledge of SQL and PostgreSQL", "full", None, "Postgres, SQL"),
        ("Terraform and Ansible", "partial", None, "Terraform"),
        ("A degree in computer science or a comparable one", "partial", None, "computer science"),
        ("Fluent English", "full", None, "English"),
        ("Experience with Rust", "missing", None, None),
        ("Driving licence", "missing", None, None),
        ("C++", "missing", None, None),
        ("3 years of Podman", "full", None, "Podman"),
    ],
)
async def test_words_alone_give_a_verdict_with_the_sentence_that_shows_it(
    asked: str, verdict: Verdict, note: str | None, quoted: str | None
) -> None:
    analyser = ExtractiveAnalyser("en")
    (finding,) = (await analyser.assess([requirement(asked)], Cv(CV, "en"))).findings
    assert (finding.verdict, finding.note) == (verdict, note)
    assert bool(finding.evidence) == (quoted is not None)
    assert quoted is None or any(quoted in evidence.quote for evidence in finding.evidence)


TWO_JOBS = """Work experience
2010 - 2012 Developer
- Python
2013 - 2020 Engineer
- Linux
- Python
- PostgreSQL
Hobbies: chess
"""


@pytest.mark.parametrize(
    ("asked", "verdict", "note", "quotes"),
    [
        ("5 years of Python", "full", None, ["- Python", "2013 - 2020 Engineer"]),
        ("9 years of Python", "partial", "fewer_years", ["- Python", "2013 - 2020 Engineer"]),
        ("5 years of chess", "partial", "years_not_shown", ["Hobbies: chess"]),
        ("At least three years of Linux", "full", None, ["- Linux", "2013 - 2020 Engineer"]),
    ],
)
async def test_years_are_those_of_the_position_that_a_line_stands_under(
    asked: str, verdict: Verdict, note: str | None, quotes: list[str]
) -> None:
    analyser = ExtractiveAnalyser("en")
    (finding,) = (await analyser.assess([requirement(asked)], Cv(TWO_JOBS, "en"))).findings
    assert (finding.verdict, finding.note) == (verdict, note)
    assert [evidence.quote for evidence in finding.evidence] == quotes


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ("Gute Englischkenntnisse", "full"),
        ("Erfahrung in der Entwicklung mit Java", "full"),
        ("Mindestens 5 Jahre Erfahrung mit Java", "partial"),
        ("Kenntnisse in Datenbanken", "partial"),
        ("Führerschein der Klasse B", "missing"),
    ],
)
async def test_german_words_are_found_in_other_forms(asked: str, verdict: Verdict) -> None:
    analyser = ExtractiveAnalyser("de")
    (finding,) = (await analyser.assess([requirement(asked)], Cv(GERMAN_CV, "de"))).findings
    assert finding.verdict == verdict


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ("Sehr gute Deutschkenntnisse und gute Englischkenntnisse", "full"),
        ("Kenntnisse in Datenbanken", "full"),
        ("Abgeschlossenes Studium", "full"),
        ("Erfahrung mit SAP", "missing"),
    ],
)
async def test_common_words_are_known_in_the_other_language(asked: str, verdict: Verdict) -> None:
    cv = "Languages: German (B2), English\nDatabases: some\nDegree: BSc in Biology\n"
    analyser = ExtractiveAnalyser("de")
    (finding,) = (await analyser.assess([requirement(asked)], Cv(cv, "en"))).findings
    assert finding.verdict == verdict


WORDS = st.sampled_from([*CV.split(), *GERMAN_CV.split(), "or", "oder", "\n", "\n\n", "5 years"])
TEXTS = st.lists(WORDS, max_size=60).map(" ".join) | st.text(max_size=300)


@given(TEXTS, st.lists(TEXTS.map(lambda text: text[:80]), min_size=1, max_size=4))
async def test_whatever_the_texts_a_quote_stands_in_the_cv_where_it_says(
    cv: str, asked: list[str]
) -> None:
    analyser = ExtractiveAnalyser("en")
    found = await analyser.assess([requirement(text) for text in asked], Cv(cv, "de"))
    assert len(found.findings) == len(asked)
    for finding in found.findings:
        assert (finding.verdict == "missing") == (not finding.evidence)
        for evidence in finding.evidence:
            assert cv[evidence.start : evidence.end] == evidence.quote != ""


@given(TEXTS, TEXTS)
def test_a_model_s_quote_is_shown_only_as_the_text_has_it(quote: str, cv: str) -> None:
    judged = Judged(requirement=1, verdict="full", quote=quote, reason="")
    finding = _finding(judged, cv)
    for evidence in finding.evidence:
        assert cv[evidence.start : evidence.end] == evidence.quote
    if not finding.evidence:
        assert (finding.verdict, finding.claimed, finding.note) == (
            "missing",
            "full",
            "quote_not_found",
        )


def test_a_quote_may_differ_in_case_and_marks_but_not_in_words() -> None:
    assert locate("BUILT pipelines, in “Python”", CV) is not None
    assert locate("built many pipelines in Python", CV) is None
    assert locate("uilt pipelines", "built pipelines") is None
    assert locate("…", CV) is None


@given(st.integers(0, 6), st.integers(100, 2 * PART))
def test_a_long_cv_is_read_in_parts_that_lose_nothing(count: int, length: int) -> None:
    text = "\n\n".join(f"{number} {'word ' * (length // 5)}." for number in range(count))
    parts = list(_parts(text))
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(len(part) <= PART for part in parts)


VERDICTS = st.sampled_from(list(VALUE))
IMPORTANCES = st.sampled_from(["must", "nice"])


@given(
    st.lists(st.tuples(IMPORTANCES, VERDICTS), min_size=1),
    st.floats(0.1, 100),
    st.floats(0, 100),
    st.data(),
)
def test_the_score_is_between_0_and_1_and_never_falls_when_a_verdict_rises(
    findings: list[tuple[Importance, Verdict]], must: float, nice: float, data: st.DataObject
) -> None:
    weights = Weights(must, nice)
    before = score(findings, weights)
    assert 0 <= before <= 1
    place = data.draw(st.integers(0, len(findings) - 1))
    importance, verdict = findings[place]
    better = data.draw(st.sampled_from([v for v in VALUE if VALUE[v] >= VALUE[verdict]]))
    after = score([*findings[:place], (importance, better), *findings[place + 1 :]], weights)
    assert after >= before - 1e-12


def test_the_score_follows_the_formula_that_is_shown_with_it() -> None:
    findings: list[tuple[Importance, Verdict]] = [
        ("must", "full"),
        ("must", "partial"),
        ("nice", "missing"),
    ]
    assert score(findings, Weights()) == pytest.approx((3 + 1.5) / 7)
    assert score([("must", "full")], Weights()) == 1
    assert score([("nice", "missing")], Weights()) == 0
    assert Weights().formula.endswith("must 3, nice 1")
