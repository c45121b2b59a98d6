"""The HTTP port before we take it: free, or taken by whom."""

from __future__ import annotations

import socket

import psutil

from baukasten_core.errors import StartupRefused


def require_free(host: str, port: int) -> None:
    """Raises StartupRefused that says who holds the port and what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            return
        except PermissionError:
            raise StartupRefused(
                f"port {port} may only be taken by root",
                hint="Choose one above 1023: BAUKASTEN_SERVER_PORT=8000",
            ) from None
        except OSError as error:
            if error.errno is None or port == 0:
                raise
            problem = error.strerror
    raise StartupRefused(
        f"the HTTP port {port} on {host} can't be taken: {problem}{_holder(port)}",
        hint=f"Stop that process, or choose another port: BAUKASTEN_SERVER_PORT={_other(host)}",
    )


def _holder(port: int) -> str:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return ""
    for connection in connections:
        listens = connection.status == psutil.CONN_LISTEN
        if listens and getattr(connection.laddr, "port", None) == port:
            if connection.pid is None:
                return " (by another user's process)"
            try:
                return f" (by `{psutil.Process(connection.pid).name()}`, process {connection.pid})"
            except psutil.Error:
                return f" (by process {connection.pid})"
    return ""


def _other(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
