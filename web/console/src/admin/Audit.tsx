import {
  api,
  Button,
  Empty,
  Failure,
  Loading,
  PageHead,
  Table,
  TextField,
  takePage,
  usePages,
} from "@baukasten/kit";
import { useDeferredValue, useState } from "react";
import { useFormatter, useTranslations } from "use-intl";

/** Who did what, when: ids and names of actions, never anybody's text. */
export function Component() {
  const t = useTranslations("admin");
  const actions = useTranslations("kit.actions");
  const format = useFormatter();
  const [action, setAction] = useState("");
  const [since, setSince] = useState("");
  const wanted = useDeferredValue(action.trim().toLowerCase());
  const entries = usePages(["admin", "audit", wanted, since], (cursor) =>
    takePage(
      api.GET("/admin/audit", {
        params: {
          query: {
            limit: 50,
            cursor,
            ...(wanted && { action: wanted.replace(/[^a-z_.]/g, "") }),
            ...(since && { since: `${since}T00:00:00Z` }),
          },
        },
      }),
    ),
  );
  const rows = entries.rows ?? [];
  return (
    <>
      <PageHead title={t("nav.audit")} />
      <div className="grid gap-4">
        <div className="grid gap-3 sm:grid-cols-2">
          <TextField
            label={t("action")}
            hint={t("actionHint")}
            type="search"
            value={action}
            onChange={(event) => setAction(event.target.value)}
          />
          <TextField
            label={t("from")}
            type="date"
            value={since}
            onChange={(event) => setSince(event.target.value)}
          />
        </div>
        {entries.isPending && <Loading />}
        {entries.error && <Failure error={entries.error} onRetry={() => void entries.refetch()} />}
        {entries.data && !rows.length && <Empty title={t("nothingLogged")} />}
        {rows.length > 0 && (
          <Table
            caption={t("nav.audit")}
            rows={rows}
            rowKey={(entry) => entry.id}
            columns={[
              {
                title: t("when"),
                cell: (entry) =>
                  format.dateTime(new Date(entry.created_at), {
                    dateStyle: "short",
                    timeStyle: "medium",
                  }),
              },
              { title: t("action"), cell: (entry) => <code>{entry.action}</code> },
              { title: t("outcome"), cell: (entry) => entry.outcome },
              { title: t("actor"), cell: (entry) => <Id of={entry.user_id} /> },
              {
                title: t("about"),
                cell: (entry) => (
                  <>
                    {entry.object_type} <Id of={entry.object_id} />
                    <span className="block text-xs text-muted">{details(entry.details)}</span>
                  </>
                ),
              },
            ]}
          />
        )}
        {entries.hasNextPage && (
          <Button busy={entries.isFetchingNextPage} onClick={() => void entries.fetchNextPage()}>
            {actions("more")}
          </Button>
        )}
      </div>
    </>
  );
}

function Id({ of }: { of: string | null }) {
  return of && <code title={of}>{of.slice(0, 8)}</code>;
}

function details(values: Record<string, unknown>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(", ") : value}`)
    .join(" · ");
}
