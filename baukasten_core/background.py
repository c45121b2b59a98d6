"""What the worker runs: the core's jobs and those of every showcase."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from baukasten_core.accounts.authenticate import open_user
from baukasten_core.accounts.mails import MailRoom, mail_handlers
from baukasten_core.contracts.auth import Principal, Scope
from baukasten_core.contracts.showcase import Job
from baukasten_core.errors import Forbidden, Unauthorized
from baukasten_core.jobs import Handler
from baukasten_core.kit import Kit
from baukasten_core.services import Services
from baukasten_core.upkeep import periodic_work

if TYPE_CHECKING:
    from baukasten_core.jobs.worker import Worker


def job_handlers(services: Services) -> Mapping[str, Handler]:
    """Every handler by job name. Names begin with their showcase's, so none is there twice."""
    showcases = services.host.showcases().values()
    jobs = {job.name: _handler(services, job) for each in showcases for job in each.jobs}
    return {
        **services.documents.handlers(),
        **services.mover.handlers(),
        **_mails(services),
        **jobs,
    }


def build_worker(services: Services) -> Worker:
    """A worker for this process."""
    from baukasten_core.jobs.worker import Worker

    settings = services.settings.jobs
    return Worker(
        services.database.url.render_as_string(hide_password=False),
        job_handlers(services),
        periodic=periodic_work(services),
        concurrency=settings.concurrency,
        stalled_seconds=settings.stalled_seconds,
    )


@asynccontextmanager
async def jobs_in_process(services: Services) -> AsyncIterator[None]:
    """Run jobs in this process meanwhile."""
    worker = build_worker(services)
    running = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        await worker.stop()
        await running


def _handler(services: Services, job: Job) -> Handler:
    """A showcase's job: run with a Kit of whoever enqueued it, unless they are gone."""

    async def run(scope: Scope, **ids: Any) -> None:
        principal = await _principal(services, scope)
        if principal is not None:
            await job.run(Kit(services, principal), **ids)

    async def failed(scope: Scope, error: Exception, **ids: Any) -> None:
        principal = await _principal(services, scope)
        if principal is not None and job.on_failure is not None:
            await job.on_failure(Kit(services, principal), error, **ids)

    return Handler(run, failed if job.on_failure else None, retries=job.retries)


def _mails(services: Services) -> Mapping[str, Handler]:
    settings = services.settings
    room = MailRoom(services.mailer, settings.public_url, settings.title)
    lifetime = timedelta(minutes=settings.auth.mail_token_minutes)
    return mail_handlers(services.database, room, link_lifetime=lifetime)


async def _principal(services: Services, scope: Scope) -> Principal | None:
    """Who enqueued a job, with the rights they have now; None if they left or may not sign in."""
    if scope.user_id is None or scope.tenant_id is None:
        return None
    async with services.database.transaction() as session:
        try:
            return await open_user(session, scope.user_id, scope.tenant_id)
        except (Unauthorized, Forbidden):
            return None
