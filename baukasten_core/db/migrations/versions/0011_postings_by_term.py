"""A term's postings are read from the index alone; a document's have one of their own."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

COUNTS = ["chunks", "user_id", "private", "project_id"]
HITS = ["document_id", "hits"]


def upgrade() -> None:
    """By its collation a statement says which of the two it means (documents/bm25.py). Hits of a
    term in a batch are 64 at most, so that a row fits into a page of the index."""
    _drop()
    _by_term(COUNTS + HITS)
    op.execute(
        'CREATE INDEX ix_postings_document_id_term ON core.postings (document_id, term COLLATE "C")'
    )


def downgrade() -> None:
    _drop()
    _by_term(COUNTS)
    op.create_index(None, "postings", ["document_id", "term"], schema="core")


def _by_term(include: list[str]) -> None:
    columns = ["tenant_id", "term"]
    op.create_index(None, "postings", columns, schema="core", postgresql_include=include)


def _drop() -> None:
    for name in ("ix_postings_tenant_id_term", "ix_postings_document_id_term"):
        op.drop_index(name, "postings", schema="core")
