"""What is queued is found at once, however much is not."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ix_documents_queued ON core.documents (tenant_id, project_id, created_at)"
        " WHERE status = 'queued'"
    )
    op.execute(
        "CREATE INDEX procrastinate_jobs_document ON jobs.procrastinate_jobs"
        " ((args->'ids'->>'document_id'))"
    )


def downgrade() -> None:
    op.execute("DROP INDEX jobs.procrastinate_jobs_document")
    op.execute("DROP INDEX core.ix_documents_queued")
