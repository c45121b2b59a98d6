"""Static pages: the front page, and each showcase's own under `/apps/<name>/`."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from baukasten_core.contracts.auth import Language
from baukasten_core.contracts.showcase import Showcase
from baukasten_core.render.messages import DEFAULT, translate

HOME = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 4rem auto;
       padding: 0 1rem; color: #1c2430; background: #fdfdfb; }}
@media (prefers-color-scheme: dark) {{ body {{ color: #e6e8ea; background: #15191e; }}
       a {{ color: #8ab8ff; }} }}
li {{ margin: .5rem 0; }}
</style></head><body><main><h1>{title}</h1>
<p>{running}</p><ul>{showcases}</ul>
<p><a href="/docs">{reference}</a> · <a href="/health">{health}</a></p></main></body></html>"""


def home_page(title: str, showcases: Mapping[str, Showcase], language: Language) -> str:
    """The front page: what is installed, and where to go."""
    rows = "".join(_row(showcase, language) for showcase in showcases.values())
    names = ("running", "reference", "health")
    texts = {name: escape(translate(language, f"home.{name}")) for name in names}
    none = f"<li>{escape(translate(language, 'home.none'))}</li>"
    return HOME.format(title=escape(title), language=language, showcases=rows or none, **texts)


def _row(showcase: Showcase, language: Language) -> str:
    title = _in(language, showcase.title)
    name = f'<a href="/apps/{showcase.name}/">{title}</a>' if showcase.pages else title
    return f"<li><strong>{name}</strong> {_in(language, showcase.description)}</li>"


def _in(language: Language, texts: Mapping[str, str]) -> str:
    """What a showcase says in a language, else in English."""
    return escape(texts.get(language) or texts.get(DEFAULT, ""))


def mount_pages(app: FastAPI, showcases: Mapping[str, Showcase]) -> None:
    """Serve each showcase's folder of static files."""
    for name, showcase in showcases.items():
        if showcase.pages:
            files = StaticFiles(directory=showcase.pages, html=True)
            app.mount(f"/apps/{name}", files, name=f"pages-{name}")
