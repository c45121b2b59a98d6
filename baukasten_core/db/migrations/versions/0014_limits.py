"""What calls to language models may cost: limits, what was used of them, and who holds a part."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from baukasten_core.db.tenancy import protect_table

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    _limits()
    _meters()
    _leases()
    op.execute(LEASE)
    op.execute(SETTLE)
    op.execute(
        "CREATE TRIGGER tell_changes AFTER INSERT OR UPDATE OR DELETE ON core.llm_limits"
        " FOR EACH STATEMENT EXECUTE FUNCTION core.tell_changes()"
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION core.lease(text, text, bigint, bigint, bigint, uuid)")
    op.execute("DROP FUNCTION core.settle(text, timestamptz, uuid, bigint, bigint)")
    for table in ("llm_leases", "llm_meters", "llm_limits"):
        op.drop_table(table, schema="core")


def _limits() -> None:
    """Of a tenant, one of its projects or keys; a column that is NULL limits nothing."""
    op.create_table(
        "llm_limits",
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("requests_per_minute", sa.BigInteger),
        sa.Column("tokens_per_minute", sa.BigInteger),
        sa.Column("tokens_per_month", sa.BigInteger),
        sa.Column("money_per_month", sa.BigInteger),
        _of_tenant(),
        sa.PrimaryKeyConstraint("tenant_id", "subject"),
        schema="core",
    )
    protect_table("llm_limits")


def _meters() -> None:
    op.create_table(
        "llm_meters",
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("meter", sa.Text, nullable=False),
        sa.Column("period", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used", sa.BigInteger, server_default="0", nullable=False),
        _of_tenant(),
        sa.PrimaryKeyConstraint("tenant_id", "meter", "period"),
        schema="core",
    )
    protect_table("llm_meters")


def _leases() -> None:
    op.create_table(
        "llm_leases",
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("meter", sa.Text, nullable=False),
        sa.Column("period", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replica", sa.Uuid, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        _of_tenant(),
        sa.PrimaryKeyConstraint("tenant_id", "meter", "period", "replica"),
        schema="core",
    )
    protect_table("llm_leases")


def _of_tenant() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant_id"], ["core.tenants.id"], ondelete="CASCADE")


# Both run as whoever calls them, under row-level security, in the transaction's tenant.

LEASE = """
CREATE FUNCTION core.lease(p_meter text, p_every text, p_most bigint, p_need bigint,
                           p_block bigint, p_replica uuid)
RETURNS TABLE (granted bigint, period timestamptz, seconds double precision, charged bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, core, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_tenant uuid := NULLIF(current_setting('baukasten.tenant_id', true), '')::uuid;
    v_now timestamptz := clock_timestamp();
BEGIN
    period := date_trunc(p_every, v_now, 'UTC');
    seconds := extract(epoch FROM period + ('1 ' || p_every)::interval - v_now);
    INSERT INTO llm_meters (tenant_id, meter, period) VALUES (v_tenant, p_meter, lease.period)
    ON CONFLICT DO NOTHING;
    -- One after the other: what two replicas see left is not given to both.
    SELECT m.used INTO charged FROM llm_meters m
    WHERE m.tenant_id = v_tenant AND m.meter = p_meter AND m.period = lease.period FOR UPDATE;
    charged := charged + coalesce((SELECT sum(l.amount) FROM llm_leases l WHERE
        l.tenant_id = v_tenant AND l.meter = p_meter AND l.period = lease.period), 0);
    granted := LEAST(GREATEST(p_need, p_block), p_most - charged);
    IF granted < p_need THEN granted := 0; RETURN NEXT; RETURN; END IF;
    INSERT INTO llm_leases (tenant_id, meter, period, replica, amount)
    VALUES (v_tenant, p_meter, lease.period, p_replica, granted)
    ON CONFLICT (tenant_id, meter, period, replica)
    DO UPDATE SET amount = llm_leases.amount + EXCLUDED.amount, at = now();
    RETURN NEXT;
END $$
"""

SETTLE = """
CREATE FUNCTION core.settle(p_meter text, p_period timestamptz, p_replica uuid, p_used bigint,
                            p_back bigint)
RETURNS void
LANGUAGE sql SET search_path = pg_catalog, core, pg_temp AS $$
    WITH lease AS (
        UPDATE llm_leases SET amount = amount - p_used - p_back, at = now()
        WHERE meter = p_meter AND period = p_period AND replica = p_replica)
    UPDATE llm_meters SET used = used + p_used WHERE meter = p_meter AND period = p_period
$$
"""
