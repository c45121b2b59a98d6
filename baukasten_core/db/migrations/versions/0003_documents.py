"""Documents, their chunks, postings, and a table of vectors for each embedding space."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from baukasten_core.db.roles import Roles
from baukasten_core.db.tenancy import (
    NOT_SOMEONE_ELSES,
    SAME_TENANT,
    create_tenant_table,
    drop_tenant_table,
    of_bound_project,
    protect_table,
)

revision = "0003"
down_revision = "0002"

IDENTITY = ["tenant_id", "id", "user_id", "private"]
"""What parts of a document refer to, so that the database itself makes them as private."""


def upgrade() -> None:
    _documents()
    _chunks()
    _postings()
    _spaces()


def downgrade() -> None:
    op.execute(DROP_SPACES)
    op.execute("DROP FUNCTION core.prepare_space(text, integer)")
    op.drop_table("postings", schema="core")
    drop_tenant_table("chunks")
    drop_tenant_table("documents")


def _documents() -> None:
    zero = sa.text("0")
    create_tenant_table(
        "documents",
        sa.Column("project_id", sa.Uuid),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("filename", sa.Text),
        sa.Column("url", sa.Text),
        sa.Column("title", sa.Text),
        sa.Column("content", sa.Text),
        sa.Column("content_length", sa.Integer),
        sa.Column("doc_metadata", JSONB, server_default="{}", nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("stored", sa.Boolean, server_default=sa.text("false"), nullable=False),
        sa.Column("language", sa.Text),
        sa.Column("pages", ARRAY(sa.Integer), server_default="{}", nullable=False),
        sa.Column("status", sa.Text, server_default="queued", nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("space", sa.Text),
        sa.Column("chunk_count", sa.Integer, server_default=zero, nullable=False),
        sa.Column("chunk_total", sa.Integer),
        sa.Column("term_count", sa.BigInteger, server_default=zero, nullable=False),
        sa.UniqueConstraint(*IDENTITY),
        _belongs_to_project(),
        sa.CheckConstraint("status IN ('queued', 'processing', 'ready', 'failed')", name="status"),
        project=False,
        private=True,
    )
    for columns in (["tenant_id"], ["tenant_id", "project_id"]):
        op.create_index(None, "documents", [*columns, "created_at", "id"], schema="core")
    # The same content once a project; a private document is nobody else's business, and what
    # failed may be tried again.
    for name, columns, condition in (
        ("uq_documents_content", ["tenant_id", "project_id", "sha256"], "NOT private"),
        ("uq_documents_private", ["tenant_id", "user_id", "project_id", "sha256"], "private"),
    ):
        op.create_index(
            name,
            "documents",
            columns,
            schema="core",
            unique=True,
            postgresql_where=sa.text(f"{condition} AND status <> 'failed'"),
            postgresql_nulls_not_distinct=True,
        )


def _chunks() -> None:
    create_tenant_table(
        "chunks",
        sa.Column("project_id", sa.Uuid),
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("start_offset", sa.Integer, nullable=False),
        sa.Column("end_offset", sa.Integer, nullable=False),
        sa.Column("page", sa.Integer),
        sa.UniqueConstraint(*IDENTITY),
        sa.UniqueConstraint("tenant_id", "document_id", "ordinal"),
        _part_of_document(),
        project=False,
        private=True,
    )
    op.create_index(None, "chunks", ["document_id"], schema="core")


def _postings() -> None:
    """A row for each term of each batch of a document's chunks: see documents/bm25.py."""
    op.create_table(
        "postings",
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("private", sa.Boolean, nullable=False),
        sa.Column("project_id", sa.Uuid),
        sa.Column("term", sa.Text, nullable=False),
        sa.Column("chunks", sa.SmallInteger, nullable=False),
        sa.Column("hits", ARRAY(sa.BigInteger), nullable=False),
        _part_of_document(),
        schema="core",
    )
    # How often a term stands where is counted from the index alone, so it holds what row-level
    # security looks at, and its pages are marked as seen by all soon after they were written.
    counts = ["chunks", "user_id", "private", "project_id"]
    columns = ["tenant_id", "term"]
    op.create_index(None, "postings", columns, schema="core", postgresql_include=counts)
    op.create_index(None, "postings", ["document_id", "term"], schema="core")
    op.execute("ALTER TABLE core.postings SET (autovacuum_vacuum_insert_scale_factor = 0.02)")
    protect_table("postings", private=True)


def _belongs_to_project() -> Any:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "project_id"],
        ["core.projects.tenant_id", "core.projects.id"],
        ondelete="CASCADE",
    )


def _part_of_document() -> Any:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "document_id", "user_id", "private"],
        [f"core.documents.{column}" for column in IDENTITY],
        ondelete="CASCADE",
        onupdate="CASCADE",
    )


# --- embedding spaces ---------------------------------------------------------------------

PREPARE_SPACE = """
CREATE FUNCTION core.prepare_space(p_space text, p_dimensions integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, public, pg_temp AS $body$
DECLARE
    v_table text := 'vectors_' || p_space;
BEGIN
    -- Both end up in statements: nothing but what they are may pass.
    IF p_space IS NULL OR p_space !~ '^[0-9a-f]{16}$'
       OR p_dimensions IS NULL OR p_dimensions NOT BETWEEN 1 AND 16000 THEN
        RAISE EXCEPTION 'not an embedding space' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- What the foreign key below needs anyway. Taken first, because waiting for it is what makes
    -- the next line see the table that somebody else has just made.
    LOCK TABLE core.chunks IN SHARE ROW EXCLUSIVE MODE;
    IF to_regclass('core.' || v_table) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE core.%I (
        tenant_id uuid NOT NULL, chunk_id uuid NOT NULL, document_id uuid NOT NULL,
        user_id uuid NOT NULL, private boolean NOT NULL, project_id uuid,
        embedding vector(%s) NOT NULL,
        PRIMARY KEY (tenant_id, chunk_id),
        FOREIGN KEY (tenant_id, chunk_id, user_id, private)
            REFERENCES core.chunks (tenant_id, id, user_id, private)
            ON DELETE CASCADE ON UPDATE CASCADE)', v_table, p_dimensions);
    EXECUTE format('CREATE INDEX ON core.%I (tenant_id, project_id)', v_table);
    EXECUTE format('CREATE INDEX ON core.%I (document_id)', v_table);
    IF p_dimensions <= 2000 THEN  -- the most that pgvector indexes
        EXECUTE format('CREATE INDEX ON core.%I USING hnsw (embedding vector_ip_ops)', v_table);
    END IF;
    EXECUTE format('ALTER TABLE core.%I ENABLE ROW LEVEL SECURITY', v_table);
    EXECUTE format('ALTER TABLE core.%I FORCE ROW LEVEL SECURITY', v_table);
    EXECUTE format($policy$CREATE POLICY app ON core.%I TO "%s" USING ({rule})
        WITH CHECK ({rule})$policy$, v_table, '{app}');
    EXECUTE format($policy$CREATE POLICY project ON core.%I AS RESTRICTIVE TO "%s"
        USING ({project}) WITH CHECK ({project})$policy$, v_table, '{app}');
    EXECUTE format('CREATE POLICY system ON core.%I TO "%s" USING (true) WITH CHECK (true)',
        v_table, '{system}');
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON core.%I TO "%s", "%s"',
        v_table, '{app}', '{system}');
END $body$
"""  # fmt: skip

DROP_SPACES = """
DO $$ DECLARE v_table regclass; BEGIN
    FOR v_table IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'core'::regnamespace
        AND c.relkind = 'r' AND c.relname ~ '^vectors_[0-9a-f]{16}$'
    LOOP EXECUTE 'DROP TABLE ' || v_table; END LOOP;
END $$
"""


def _spaces() -> None:
    config = op.get_context().config
    assert config is not None
    roles: Roles = config.attributes["roles"]
    body = PREPARE_SPACE.replace("{rule}", f"{SAME_TENANT} AND {NOT_SOMEONE_ELSES}")
    body = body.replace("{project}", of_bound_project("project_id"))
    op.execute(body.replace("{app}", roles.app).replace("{system}", roles.system))
    op.execute("REVOKE ALL ON FUNCTION core.prepare_space(text, integer) FROM PUBLIC")
    op.execute(
        f"GRANT EXECUTE ON FUNCTION core.prepare_space(text, integer)"
        f' TO "{roles.app}", "{roles.system}"'
    )
