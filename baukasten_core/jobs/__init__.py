"""Durable background work: queued with the row it is about, run by the worker, never lost."""

from baukasten_core.jobs.handlers import Handler, Periodic
from baukasten_core.jobs.queue import Jobs

__all__ = ["Handler", "Jobs", "Periodic"]
