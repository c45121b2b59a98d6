"""The gateway's parts, from the settings: routes, prices, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from baukasten_core.contracts.auth import Scope
from baukasten_core.contracts.gateway import GatewayCall
from baukasten_core.db.remembered import Remembered, recall
from baukasten_core.db.session import Database
from baukasten_core.gateway.leases import CapsOf
from baukasten_core.gateway.limits import PLATFORM, Cap, Limits, caps, limits_of
from baukasten_core.gateway.prices import MILLION, Price, Prices
from baukasten_core.gateway.routes import Condition, Target
from baukasten_core.settings import RouteTarget, Settings


def llm_routes(settings: Settings) -> Mapping[str, Sequence[Target]]:
    """The routes of `llm.routes`."""
    return {name: [_target(to) for to in targets] for name, targets in settings.llm.routes.items()}


def llm_prices(settings: Settings) -> Prices:
    """The table of `llm.prices`."""
    return Prices(
        {name: Price(one.prompt, one.completion) for name, one in settings.llm.prices.items()}
    )


def llm_caps(settings: Settings, database: Database, remembered: Remembered | None) -> CapsOf:
    """The limits that a call falls under: the operator's and the tenant's own."""
    money = settings.llm.limits.money_per_month
    platform = Limits(
        **settings.llm.limits.model_dump(exclude={"money_per_month"}),
        money_per_month=None if money is None else round(money * MILLION),
    )

    async def caps_of(call: GatewayCall) -> Sequence[Cap]:
        async def ask() -> Sequence[Cap]:
            async with database.transaction(Scope(tenant_id=call.tenant_id)) as session:
                return caps({PLATFORM: platform, **await limits_of(session, call)})

        key = "limits", call.tenant_id, call.project_id, call.api_key_id
        return await recall(remembered, key, ask)

    return caps_of


def _target(target: RouteTarget) -> Target:
    condition = Condition(**target.when.model_dump())
    return Target(target.instance, target.model, target.weight, condition)
