"""Static pages: the front page, and each showcase's own under `/apps/<name>/`."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from baukasten_core.contracts.showcase import Showcase

HOME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 4rem auto;
       padding: 0 1rem; color: #1c2430; background: #fdfdfb; }}
@media (prefers-color-scheme: dark) {{ body {{ color: #e6e8ea; background: #15191e; }}
       a {{ color: #8ab8ff; }} }}
li {{ margin: .5rem 0; }}
</style></head><body><main><h1>{title}</h1>
<p>This platform is running. These showcases are installed:</p><ul>{showcases}</ul>
<p><a href="/docs">API reference</a> · <a href="/health">Health</a></p></main></body></html>"""


def home_page(title: str, showcases: Mapping[str, Showcase]) -> str:
    """The front page: what is installed, and where to go."""
    rows = "".join(_row(showcase) for showcase in showcases.values())
    return HOME.format(title=escape(title), showcases=rows or "<li>none yet</li>")


def _row(showcase: Showcase) -> str:
    title = escape(showcase.title["en"])
    name = f'<a href="/apps/{showcase.name}/">{title}</a>' if showcase.pages else title
    return f"<li><strong>{name}</strong> {escape(showcase.description.get('en', ''))}</li>"


def mount_pages(app: FastAPI, showcases: Mapping[str, Showcase]) -> None:
    """Serve each showcase's folder of static files."""
    for name, showcase in showcases.items():
        if showcase.pages:
            files = StaticFiles(directory=showcase.pages, html=True)
            app.mount(f"/apps/{name}", files, name=f"pages-{name}")
