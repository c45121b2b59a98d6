"""What a browser makes of the pages: the first word of an answer, a long list, the first load.

    baukasten bench pages

A platform with an emulated Ollama, and Debian's Chromium. No network.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from baukasten_serve.testing import Platform
from playwright.sync_api import Page, sync_playwright

from baukasten_core.testing.chromium import launched, sign_in
from baukasten_core.testing.emulators import Asked, OllamaEmulator, Reply
from baukasten_core.testing.people import Person
from benchmarks.results import keep

PAGES = Path(__file__).parents[1] / "baukasten_core" / "pages"
TEXT = "The filter is changed every six weeks. Oil is checked on Mondays."
QUESTION = "When is the filter of the pump changed?"
QUESTIONS, ROWS, SCROLLS = 20, 5_000, 120

SEEN = """word => new Promise(done => {
  const look = () => {
    const all = [...document.querySelectorAll('article')].at(-1)?.innerText ?? '';
    if (all.includes(word)) done(performance.timeOrigin + performance.now());
    else requestAnimationFrame(look);
  };
  look();
})"""
FRAMES = """async count => {
  const pane = document.querySelector('ul[aria-label=Documents]').parentElement;
  const frames = [];
  let last = performance.now();
  for (let step = 0; step < count; step += 1) {
    pane.scrollBy(0, 900);
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - last);
    last = now;
  }
  return frames;
}"""


def first_words(page: Page, person: Person, ollama: OllamaEmulator) -> list[float]:
    """Milliseconds from the upstream's first token to its being seen, for each question."""
    project = person.project("privategpt", name="Measured")
    person.ready(person.text(TEXT, project, title="Pumps"))
    spoken: list[float] = []

    def reply(asked: Asked) -> Reply:
        spoken.append(time.time() * 1000)
        return Reply(f"Word{len(spoken)} " + "word " * 20 + "[1].")

    ollama.reply = reply
    ollama.faults.piece_delay = 0.02
    found = []
    for _ in range(QUESTIONS):
        page.goto(f"/apps/privategpt/projects/{project}/conversations")
        page.get_by_label("Your question").fill(QUESTION)
        page.keyboard.press("Enter")
        seen = page.evaluate(SEEN, f"Word{len(spoken) + 1}")
        found.append(seen - spoken[-1])
        page.get_by_role("button", name="Ask", exact=True).wait_for()
    return found


def scrolled(page: Page, person: Person, owner: str) -> list[float]:
    """Milliseconds of each frame while a list of 5,000 documents is scrolled through."""
    project = person.project(name="Many")
    with psycopg.connect(owner) as connection:
        connection.execute(
            "INSERT INTO core.documents (id, tenant_id, user_id, project_id, type, title, content,"
            " media_type, size, sha256, status)"
            " SELECT gen_random_uuid(), tenant_id, user_id, id, 'text', 'Document ' || n, 'text',"
            " 'text/plain', 4, sha256(n::text::bytea), 'ready'"
            " FROM core.projects, generate_series(1, %s) n WHERE id = %s",
            [ROWS, project],
        )
    page.goto(f"/console/projects/{project}")
    page.get_by_role("list", name="Documents").wait_for()
    frames: list[float] = page.evaluate(FRAMES, SCROLLS)
    return frames


def first_load() -> int:
    """Bytes of JavaScript, compressed, that the console's first page loads."""
    index = (PAGES / "index.html").read_text()
    scripts = re.findall(r'(?:src|href)="/console/([^"]+\.js)"', index)
    return sum(len(gzip.compress((PAGES / name).read_bytes())) for name in scripts)


def measured() -> dict[str, Any]:
    with OllamaEmulator() as ollama, Platform.temporary() as platform, sync_playwright() as player:
        instances = {"ollama": {"provider": "ollama", "base_url": ollama.url}}
        platform.environment = {
            "BAUKASTEN_LLM_INSTANCES": json.dumps(instances),
            "BAUKASTEN_LLM_CHAIN": json.dumps(["ollama"]),
        }
        platform.start()
        browser = launched(player)
        with Person.register(platform.url) as person:
            context = browser.new_context(base_url=platform.url, locale="en-GB")
            sign_in(context, person)
            page = context.new_page()
            words = first_words(page, person, ollama)
            frames = scrolled(page, person, platform.owner_url())
        browser.close()
        platform.stop()
    return {
        "first_word_ms": {
            "median": round(statistics.median(words), 1),
            "most": round(max(words), 1),
        },
        "frames_ms": {
            "median": round(statistics.median(frames), 1),
            "p99": round(sorted(frames)[int(len(frames) * 0.99)], 1),
            "rows": ROWS,
        },
        "first_load_kb": round(first_load() / 1000, 1),
    }


def main(say: Callable[[str], None] = print) -> None:
    parser = argparse.ArgumentParser(
        prog="baukasten bench pages",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--name", default="pages.local", help="of the file in benchmarks/results")
    arguments = parser.parse_args()
    figures = measured()
    keep(arguments.name, figures)
    say(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
