import {
  api,
  Button,
  CheckField,
  Confirm,
  CopyButton,
  type components,
  Dialog,
  Empty,
  Failure,
  Form,
  Loading,
  type Profile,
  SelectField,
  TextField,
  take,
  takePage,
  textOf,
} from "@baukasten/kit";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { Section } from "./Section";

type Key = components["schemas"]["ApiKeyOut"];

const SCOPES = ["read", "write", "llm", "admin"] as const;
const KEYS = ["api-keys"];

/** My API keys. */
export function Keys({ user }: { user: Profile }) {
  const t = useTranslations("profile");
  const format = useFormatter();
  const [making, setMaking] = useState(false);
  const [deleting, setDeleting] = useState<Key>();
  const keys = useQuery({ queryKey: KEYS, queryFn: () => take(api.GET("/auth/api-keys")) });
  const day = (moment: string) => format.dateTime(new Date(moment), { dateStyle: "medium" });
  return (
    <Section
      title={t("keys")}
      text={t("keysText")}
      actions={<Button onClick={() => setMaking(true)}>{t("newKey")}</Button>}
    >
      {keys.isPending && <Loading />}
      {keys.error && <Failure error={keys.error} />}
      {keys.data?.length === 0 && <Empty title={t("noKeys")} />}
      <ul className="grid gap-2">
        {keys.data?.map((key) => (
          <li key={key.id} className="flex items-center justify-between gap-3">
            <span className="min-w-0">
              <span className="font-medium break-words">{key.name}</span>{" "}
              <code className="text-sm text-muted">{key.prefix}…</code>
              <span className="block text-sm text-muted">
                {[
                  key.scopes.join(", "),
                  t("created", { date: day(key.created_at) }),
                  `${t("expires")} ${key.expires_at ? day(key.expires_at) : t("never")}`,
                ].join(" · ")}
              </span>
            </span>
            <Button
              look="danger"
              aria-label={t("deleteKey", { name: key.name })}
              onClick={() => setDeleting(key)}
            >
              <Trash2 aria-hidden className="size-4" />
            </Button>
          </li>
        ))}
      </ul>
      <NewKey user={user} open={making} onClose={() => setMaking(false)} />
      <DeleteKey apiKey={deleting} onClose={() => setDeleting(undefined)} />
    </Section>
  );
}

interface NewKeyProps {
  user: Profile;
  open: boolean;
  onClose: () => void;
}

function NewKey({ user, open, onClose }: NewKeyProps) {
  const t = useTranslations("profile");
  const actions = useTranslations("kit.actions");
  const queries = useQueryClient();
  const projects = useQuery({
    queryKey: ["projects", "some"],
    enabled: open,
    queryFn: () => takePage(api.GET("/projects", { params: { query: { limit: 100 } } })),
  });
  const [key, setKey] = useState<string>();
  const make = async (fields: FormData) => {
    const made = await take(
      api.POST("/auth/api-keys", {
        body: {
          name: textOf(fields, "name"),
          scopes: SCOPES.filter((scope) => fields.has(scope)),
          project_id: textOf(fields, "project") || null,
          expires_at: textOf(fields, "expires") ? `${fields.get("expires")}T23:59:59Z` : null,
        },
      }),
    );
    setKey(made.key);
    void queries.invalidateQueries({ queryKey: KEYS });
  };
  const close = () => {
    setKey(undefined);
    onClose();
  };
  return (
    <Dialog title={t("newKey")} open={open} onClose={close}>
      {key ? (
        <div className="grid gap-3">
          <p role="status">{t("keyMade")}</p>
          <code className="rounded-lg bg-sunken p-3 break-all">{key}</code>
          <CopyButton text={key} />
        </div>
      ) : (
        <Form send={make} action={actions("create")}>
          <TextField label={t("keyName")} hint={t("keyNameHint")} name="name" required autoFocus />
          <fieldset className="grid gap-2">
            <legend className="mb-1 font-medium">{t("may")}</legend>
            {SCOPES.filter((scope) => scope !== "admin" || user.is_admin).map((scope) => (
              <CheckField
                key={scope}
                name={scope}
                label={t(`scopes.${scope}`)}
                defaultChecked={scope !== "admin"}
              />
            ))}
          </fieldset>
          <SelectField label={t("keyProject")} name="project">
            <option value="">{t("allProjects")}</option>
            {projects.data?.rows.map((project) => (
              <option key={project.id} value={project.id}>
                {project.name}
              </option>
            ))}
          </SelectField>
          <TextField label={t("expires")} name="expires" type="date" />
        </Form>
      )}
    </Dialog>
  );
}

function DeleteKey({ apiKey, onClose }: { apiKey?: Key; onClose: () => void }) {
  const t = useTranslations("profile");
  const queries = useQueryClient();
  const remove = async () => {
    const path = { key_id: apiKey?.id ?? "" };
    await api.DELETE("/auth/api-keys/{key_id}", { params: { path } });
    void queries.invalidateQueries({ queryKey: KEYS });
  };
  const title = t("deleteKey", { name: apiKey?.name ?? "" });
  return (
    <Confirm
      title={title}
      text={t("deleteKeyText")}
      action={title}
      open={apiKey !== undefined}
      onClose={onClose}
      onConfirm={remove}
    />
  );
}
