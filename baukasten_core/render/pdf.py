"""PDF through Typst, in a process of its own with limits on time, memory and what it may read.

    pdf = await render_pdf(FOLDER / "letter.typ", {"name": name}, language="de")

Data reaches the template as JSON and never as markup, so a text in it can't run Typst code:

    #let data = json(bytes(sys.inputs.data))
    #set document(title: data.title)
    #set text(lang: sys.inputs.language, hyphenate: true)
    #data.name
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baukasten_core.errors import TemplateError, Unavailable, Unprocessable
from baukasten_core.render.clean import cleaned

PROCESS = "baukasten_core.render.typst_process"
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RenderLimits:
    """What one document may cost; each limit ends in an error that names it."""

    seconds: float = 60.0
    memory_bytes: int = 2048 * MIB
    pdf_bytes: int = 128 * MIB


@dataclass(frozen=True, slots=True)
class Pdf:
    """A finished document: tagged, and PDF/UA-1 unless `missing` is not empty.

    `missing`: characters that no font here can show (an emoji, say): they are boxes on the page,
    and whoever gets the document should be told.
    """

    content: bytes
    pages: int
    missing: tuple[str, ...] = ()


async def render_pdf(
    template: Path,
    data: Mapping[str, Any],
    *,
    language: str,
    fonts: Sequence[Path] = (),
    limits: RenderLimits = RenderLimits(),
) -> Pdf:
    """Set `data` with a Typst template.

    Args:
        template: a `.typ` file. It sees the files in its folder and no others, no packages and
            no network. `sys.inputs.data` is the data as JSON, `sys.inputs.language` the language.
            PDF/UA asks it to set a document title, and `alt` for every picture.
        data: JSON types. Control characters and lone surrogates are taken out of every string.
        language: ISO 639-1; the template gives it to `set text(lang: ...)`.
        fonts: folders with further fonts. Those bundled with Typst come first; the machine's own
            step in for characters that they lack.

    Raises:
        TemplateError: the template is wrong, or does not fit the data.
        Unprocessable: it takes more time, memory or space than `limits`.
        Unavailable: the process can't be started.
    """
    request = await asyncio.to_thread(_request, template, data, language, fonts, limits)
    process = await _started()
    try:
        async with asyncio.timeout(limits.seconds):
            answer, _ = await process.communicate(request)
    except TimeoutError:
        raise Unprocessable(
            f"Setting the document took longer than {limits.seconds:g} s, the limit here.",
            hint="Make it shorter, or split it.",
        ) from None
    finally:
        await _end(process)
    return _result(template, answer, process.returncode or 0, limits)


def _request(
    template: Path,
    data: Mapping[str, Any],
    language: str,
    fonts: Sequence[Path],
    limits: RenderLimits,
) -> bytes:
    request = {
        "template": str(template.resolve()),
        "data": json.dumps(cleaned(data)),
        "language": language,
        "fonts": [str(folder.resolve()) for folder in fonts],
        "seconds": limits.seconds,
        "memory_bytes": limits.memory_bytes,
        "pdf_bytes": limits.pdf_bytes,
    }
    return json.dumps(request).encode()


async def _started() -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-s", "-m", PROCESS),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd="/",
            env=_environment(),
            start_new_session=True,
        )
    except OSError as error:
        raise Unavailable("The process that makes PDF files can't be started.") from error


def _environment() -> dict[str, str]:
    """Where Python finds its modules; no settings, no secrets."""
    return {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if os.path.isdir(path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "MALLOC_ARENA_MAX": "2",
        "RAYON_NUM_THREADS": "2",
    }


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()


def _result(template: Path, answer: bytes, code: int, limits: RenderLimits) -> Pdf:
    header, _, content = answer.partition(b"\n")
    if code != 0 or not header:
        raise _died(code, limits)
    told: dict[str, Any] = json.loads(header)
    if "too_large" in told:
        raise Unprocessable(
            f"The finished document would have more than {limits.pdf_bytes // MIB} MiB, the limit "
            "here."
        )
    if "error" in told:
        raise TemplateError(f"{template.name} can't be set: {told['error']}", hint=told["hint"])
    return Pdf(content, told["pages"], tuple(told["missing"]))


def _died(code: int, limits: RenderLimits) -> Unprocessable:
    if code in {-signal.SIGABRT, -signal.SIGKILL, MEMORY_EXIT}:
        return Unprocessable(
            f"Setting the document needs more than {limits.memory_bytes // MIB} MiB of memory, "
            "the limit here.",
            hint="Make it shorter, or split it.",
        )
    if code == -signal.SIGXCPU:
        return Unprocessable("Setting the document took too much time.", hint="Make it shorter.")
    return Unprocessable(f"The process that makes PDF files ended unexpectedly (status {code}).")


MEMORY_EXIT = 77
"""The process's exit status when Python itself was refused memory."""
