"""`baukasten bench`, and the parts of the embedding benchmark that can be wrong in silence."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from baukasten_serve.commands.bench import bench
from click.testing import CliRunner

from benchmarks.embedding.plot import svg
from benchmarks.embedding.report import CEILING, IN_PROCESS, OURS, PEERS, REFERENCE, Report
from benchmarks.embedding.texts import COUNT, load


def test_it_says_which_benchmarks_there_are() -> None:
    answer = CliRunner().invoke(bench, ["nothing"])
    assert answer.exit_code == 2
    assert (
        "there is no benchmark `nothing`; say which one: embedding, gateway, inference, ingest"
        in answer.output
    )


def test_it_runs_one_with_its_own_arguments(capfd: pytest.CaptureFixture[str]) -> None:
    answer = CliRunner().invoke(bench, ["projects", "--help"])
    assert answer.exit_code == 0
    assert "--repeats" in capfd.readouterr().out


def test_made_texts_are_as_long_as_real_ones_and_always_the_same() -> None:
    texts = load(None)
    assert len(texts.texts) == COUNT
    assert 130 < texts.mean < 145
    assert texts.texts == load(None).texts
    assert len(texts.half().texts) == COUNT / 2


@pytest.fixture
def report() -> Report:
    """Two rounds, of which the second was disturbed: everything at half the speed."""
    made = Report("texts", tokens_a_text=100, flops_a_token=1e6)
    shape = "64 clients of 1"
    for speed in (1.0, 0.5):
        made.add_ceilings({"f32": 5e9 * speed, "bf16": 10e9 * speed})
        made.add_rate(OURS, IN_PROCESS, 8000 * speed)
        made.add_rate(REFERENCE, IN_PROCESS, 2000 * speed)
        made.add_rate(OURS, shape, 6000 * speed)
        made.add_rate(PEERS[0], shape, 1500 * speed)
    return made


def test_ratios_are_taken_within_a_round(report: Report) -> None:
    assert report.ratios() == {
        "in process to the ceiling": 0.8,
        "in process to sentence-transformers": 4.0,
        "64 clients of 1 to in process": 0.75,
        "64 clients of 1 to infinity torch": 4.0,
    }
    assert report.medians()[CEILING, IN_PROCESS] == 7500


def test_the_plot_has_a_bar_for_each_row(report: Report) -> None:
    drawn = ElementTree.fromstring(svg(report))
    bars = drawn.findall("{http://www.w3.org/2000/svg}rect")[1:]
    assert len(bars) == len(report.medians())
