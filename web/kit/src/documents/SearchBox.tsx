import { useQuery } from "@tanstack/react-query";
import { Search } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { api, take } from "../api/client";
import type { components } from "../api/schema";
import { Badge } from "../ui/badge";
import { Button } from "../ui/button";
import { Card } from "../ui/card";
import { TextField } from "../ui/field";
import { Empty, Failure, Loading } from "../ui/states";
import { nameOf } from "./DocumentList";
import type { Span } from "./spans";

type Found = components["schemas"]["DocumentFound"];

interface SearchProps {
  projectId: string;
  /** Open a document with these passages of it. */
  onOpen: (documentId: string, spans: Span[]) => void;
}

const SHOWN = 10;

/** Look for passages in a project's documents. */
export function SearchBox({ projectId, onOpen }: SearchProps) {
  const t = useTranslations("kit");
  const [query, setQuery] = useState("");
  const { data, error, isFetching, refetch } = useQuery({
    queryKey: ["search", projectId, query],
    enabled: query.length >= 3,
    queryFn: () =>
      take(api.POST("/documents/search", { body: { query, project_id: projectId, limit: SHOWN } })),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setQuery(String(new FormData(event.currentTarget).get("query")).trim());
  };
  return (
    <div className="grid gap-4">
      <search>
        <form onSubmit={submit} className="flex items-end gap-2">
          <div className="grow">
            <TextField
              label={t("documents.query")}
              name="query"
              type="search"
              minLength={3}
              required
              placeholder={t("documents.queryHint")}
            />
          </div>
          <Button
            type="submit"
            look="primary"
            busy={isFetching}
            icon={<Search aria-hidden className="size-4" />}
          >
            {t("actions.search")}
          </Button>
        </form>
      </search>
      {error && <Failure error={error} onRetry={() => void refetch()} />}
      {isFetching && !data && <Loading />}
      {data?.length === 0 && <Empty title={t("documents.nothingFound")} />}
      <ul className="grid gap-3">
        {data?.map((found) => (
          <li key={found.id}>
            <FoundDocument found={found} onOpen={onOpen} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function FoundDocument({ found, onOpen }: { found: Found; onOpen: SearchProps["onOpen"] }) {
  const t = useTranslations("kit.documents");
  const format = useFormatter();
  const percent = format.number(found.score, { style: "percent", maximumFractionDigits: 0 });
  return (
    <Card className="grid gap-2">
      <div className="flex items-center justify-between gap-3">
        <h3 className="min-w-0 truncate font-semibold">{nameOf(found)}</h3>
        <Badge look="accent">{t("relevance", { percent })}</Badge>
      </div>
      <ul className="grid gap-1">
        {found.chunks.map((passage) => (
          <li key={passage.id}>
            <button
              type="button"
              onClick={() => onOpen(found.id, [passage])}
              className="w-full rounded-lg bg-sunken p-2 text-left text-sm hover:bg-accent-soft"
            >
              {passage.page && (
                <span className="mr-2 text-muted">
                  {t("pageShort", { page: String(passage.page) })}
                </span>
              )}
              <span className="line-clamp-3">{passage.text}</span>
            </button>
          </li>
        ))}
      </ul>
    </Card>
  );
}
