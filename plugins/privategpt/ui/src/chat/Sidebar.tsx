import {
  api,
  Button,
  buttonClasses,
  classes,
  Empty,
  Failure,
  Go,
  IconButton,
  Loading,
  takePage,
  usePages,
} from "@baukasten/kit";
import { ArrowLeft, PanelLeft, Plus } from "lucide-react";
import { useDeferredValue, useEffect, useState } from "react";
import { useTranslations } from "use-intl";
import { ConversationMenu } from "./ConversationMenu";

interface SidebarProps {
  projectId: string;
  conversationId?: string;
}

/** My conversations with this library; on narrow screens behind a button. */
export function Sidebar({ projectId, conversationId }: SidebarProps) {
  const t = useTranslations("chat");
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [conversationId]);
  return (
    <>
      <IconButton
        label={t("open")}
        aria-expanded={open}
        className="fixed top-16 left-2 z-20 border border-line bg-surface lg:hidden"
        onClick={() => setOpen(!open)}
      >
        <PanelLeft aria-hidden className="size-4" />
      </IconButton>
      <nav
        aria-label={t("title")}
        className={classes(
          "w-72 shrink-0 flex-col gap-3 border-r border-line bg-surface p-3 lg:flex",
          open ? "fixed inset-y-0 left-0 z-20 flex pt-28 shadow-xl lg:static lg:pt-3" : "hidden",
        )}
      >
        <Go
          to={`/apps/privategpt/projects/${projectId}`}
          className="flex items-center gap-2 rounded-lg px-2 py-1 text-muted hover:text-ink"
        >
          <ArrowLeft aria-hidden className="size-4" />
          {t("back")}
        </Go>
        <Go
          to={`/apps/privategpt/projects/${projectId}/conversations`}
          className={buttonClasses("secondary")}
        >
          <Plus aria-hidden className="size-4" />
          {t("new")}
        </Go>
        <Conversations projectId={projectId} conversationId={conversationId} />
      </nav>
    </>
  );
}

function Conversations({ projectId, conversationId }: SidebarProps) {
  const t = useTranslations();
  const [words, setWords] = useState("");
  const search = useDeferredValue(words.trim());
  const list = usePages(["conversations", projectId, search], (cursor) =>
    takePage(
      api.GET("/privategpt/projects/{project_id}/conversations", {
        params: {
          path: { project_id: projectId },
          query: { cursor, limit: 50, ...(search && { search }) },
        },
      }),
    ),
  );
  const rows = list.rows ?? [];
  return (
    <>
      <input
        type="search"
        aria-label={t("chat.search")}
        placeholder={t("chat.search")}
        value={words}
        onChange={(event) => setWords(event.target.value)}
        className="rounded-lg border border-line bg-surface px-3 py-1.5 placeholder:text-muted"
      />
      {list.isPending && <Loading />}
      {list.error && <Failure error={list.error} onRetry={() => void list.refetch()} />}
      {list.data && !rows.length && (
        <Empty title={search ? t("chat.nothingFound") : t("chat.none")} />
      )}
      <ul className="min-h-0 grow overflow-y-auto">
        {rows.map((row) => (
          <li
            key={row.id}
            className={classes(
              "flex items-center rounded-lg",
              row.id === conversationId ? "bg-accent-soft" : "hover:bg-sunken",
            )}
          >
            <Go
              to={`/apps/privategpt/projects/${projectId}/conversations/${row.id}`}
              aria-current={row.id === conversationId ? "page" : undefined}
              className="min-w-0 grow truncate px-2 py-1.5"
            >
              {row.title}
            </Go>
            <ConversationMenu projectId={projectId} conversation={row} current={conversationId} />
          </li>
        ))}
      </ul>
      {list.hasNextPage && (
        <Button busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          {t("kit.actions.more")}
        </Button>
      )}
    </>
  );
}
