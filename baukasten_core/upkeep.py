"""What a platform does for its promises: retention, erasure, and the record of who else gets data.
The worker runs `periodic_work`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text

from baukasten_core.db.session import Database
from baukasten_core.documents.outside import ERASE
from baukasten_core.gateway.instances import build_instances
from baukasten_core.gateway.limits import SETTLE_DEAD
from baukasten_core.gateway.residency import LOCAL, UNDECLARED, region_of
from baukasten_core.jobs import Periodic
from baukasten_core.plugins import PluginHost
from baukasten_core.privacy.article30 import Processor, Record, record_of_processing
from baukasten_core.privacy.erasure import Eraser
from baukasten_core.privacy.receipts import Receipts
from baukasten_core.privacy.retention import enforce_retention
from baukasten_core.services import Services
from baukasten_core.settings import Settings

FORGET_EXPIRED = text("SELECT core.delete_expired_accounts()")

DAILY = "17 3 * * *"
OFTEN = "*/5 * * * *"


def periodic_work(services: Services) -> Sequence[Periodic]:
    """What comes round, for the worker."""

    async def retention() -> None:
        audit_days = services.settings.privacy.audit_days
        await enforce_retention(services.database, audit_days=audit_days)
        async with services.database.transaction() as session:
            await session.execute(FORGET_EXPIRED)
            # Of a file that could not be deleted, nothing but the job is left.
            await services.jobs.try_again(session, ERASE)
            await services.jobs.delete_finished(session)

    async def erasures() -> None:
        await eraser(services).resume()

    async def leases() -> None:
        seconds = services.settings.llm.unsettled_hours * 3600
        async with services.database.transaction() as session:
            await session.execute(SETTLE_DEAD, {"seconds": seconds})

    return (
        Periodic("core.leases", OFTEN, leases),
        Periodic("core.retention", DAILY, retention),
        Periodic("core.erasures", OFTEN, erasures),
    )


def eraser(services: Services) -> Eraser:
    """Erases users, from every part of this platform that holds something."""
    return Eraser(services.database, services.documents.outside, receipts(services))


def receipts(services: Services) -> Receipts:
    """Signs receipts with a key derived from the platform's secret."""
    key = services.settings.auth.token_key
    assert key is not None, "load_settings() fills it in"
    return Receipts(key.get_secret_value())


async def record(settings: Settings, host: PluginHost, database: Database) -> Record:
    """The record of processing activities (GDPR, Article 30)."""
    async with database.transaction() as session:
        others = processors(settings, host)
        return await record_of_processing(session, settings.privacy.controller, others)


def processors(settings: Settings, host: PluginHost) -> list[Processor]:
    """Every configured service outside of this process that data can reach, for the Article 30
    record. One whose region nobody declared is left out: the residency guard lets nothing
    through to it."""
    found = _language_models(settings, host)
    more = settings.embedding.more.values()
    for kind, provider, options in (
        ("embedding", settings.embedding.provider, settings.embedding.options),
        *(("embedding", one.provider, one.options) for one in more),
        ("reranking", settings.retrieval.reranker, settings.retrieval.reranker_options),
        ("speech", settings.speech.provider, settings.speech.options),
        ("mail", settings.mail.provider, settings.mail.options),
        ("vectors", settings.storage.vectors, settings.storage.vector_options),
        ("original files", settings.storage.blobs, settings.storage.blob_options),
    ):
        found += _outside(kind, provider, options)
    return [processor for processor in found if processor.region != UNDECLARED]


def _language_models(settings: Settings, host: PluginHost) -> list[Processor]:
    instances = build_instances(host.llm_providers(), settings.llm.instances)
    # A vendor of which nothing but the name is configured has no key, and is asked nothing.
    set_up = {name.lower() for name, options in settings.llm.instances.items() if len(options) > 1}
    return [
        Processor("language model", instance.name, instance.provider, region, instance.processor)
        for instance in instances.values()
        for region in sorted({instance.region, instance.hosted_region})
        if instance.llm is not None
        and not instance.llm.capabilities.in_process
        and (region == LOCAL or instance.name in set_up)
    ]


def _outside(kind: str, provider: str | None, options: Mapping[str, Any]) -> list[Processor]:
    """A service elsewhere has an address, or declares its region (one with an SDK of its own)."""
    address = options.get("base_url") or options.get("url") or options.get("host")
    declared = options.get("region")
    if provider is None or not (address or declared):
        return []
    url = str(address) if "/" in str(address) else f"http://{address}"
    region = region_of(url if address else None, declared)
    return [Processor(kind, provider, provider, region, options.get("processor"))]
