import {
  api,
  Badge,
  Button,
  type components,
  Empty,
  Failure,
  Loading,
  PageHead,
  TextField,
  takePage,
  usePages,
} from "@baukasten/kit";
import { UserPlus } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { AddUser } from "./AddUser";
import { UserActions } from "./UserActions";

type User = components["schemas"]["UserOut"];

/** The platform's accounts. */
export function Component() {
  const t = useTranslations("admin");
  const actions = useTranslations("kit.actions");
  const [words, setWords] = useState("");
  const [adding, setAdding] = useState(false);
  const search = useDeferredValue(words.trim());
  const users = usePages(["admin", "users", search], (cursor) =>
    takePage(
      api.GET("/admin/users", {
        params: { query: { limit: 50, cursor, ...(search && { search }) } },
      }),
    ),
  );
  const rows = users.rows ?? [];
  return (
    <>
      <PageHead
        title={t("nav.users")}
        actions={
          <Button
            look="primary"
            icon={<UserPlus aria-hidden className="size-4" />}
            onClick={() => setAdding(true)}
          >
            {t("add")}
          </Button>
        }
      />
      <div className="grid gap-4">
        <TextField
          label={t("search")}
          type="search"
          value={words}
          onChange={(event) => setWords(event.target.value)}
        />
        {users.isPending && <Loading />}
        {users.error && <Failure error={users.error} onRetry={() => void users.refetch()} />}
        {users.data && !rows.length && <Empty title={t("nobody")} />}
        {rows.length > 0 && (
          <ul aria-label={t("nav.users")} className="rounded-xl border border-line bg-surface">
            {rows.map((user) => (
              <UserRow key={user.id} user={user} />
            ))}
          </ul>
        )}
        {users.hasNextPage && (
          <Button busy={users.isFetchingNextPage} onClick={() => void users.fetchNextPage()}>
            {actions("more")}
          </Button>
        )}
      </div>
      <AddUser open={adding} onClose={() => setAdding(false)} />
    </>
  );
}

function UserRow({ user }: { user: User }) {
  const t = useTranslations("admin");
  const format = useFormatter();
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2 last:border-0">
      <span className="min-w-48 flex-1">
        <span className="block truncate font-medium">{user.email}</span>
        <span className="text-sm text-muted">
          {t("since")} {format.dateTime(new Date(user.created_at), { dateStyle: "medium" })}
        </span>
      </span>
      <span className="flex flex-wrap justify-end gap-1">
        {user.is_admin && <Badge look="accent">{t("isAdmin")}</Badge>}
        {!user.is_active && <Badge look="danger">{t("inactive")}</Badge>}
        {!user.is_verified && <Badge>{t("unverified")}</Badge>}
      </span>
      <UserActions user={user} />
    </li>
  );
}
