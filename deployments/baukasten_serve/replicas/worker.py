"""The application `worker`: durable jobs. It has no route; it answers how it is."""

from __future__ import annotations

from baukasten_serve.replicas.base import Replica


class Worker(Replica):
    """Runs jobs as long as it lives; the queue itself keeps what a dead one left behind."""
