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
  Loading,
  type Profile,
  SelectField,
  TextField,
  take,
  takePage,
} from "@baukasten/kit";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
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
  const make = useMutation({
    mutationFn: (form: FormData) =>
      take(
        api.POST("/auth/api-keys", {
          body: {
            name: String(form.get("name")),
            scopes: SCOPES.filter((scope) => form.has(scope)),
            project_id: String(form.get("project")) || null,
            expires_at: form.get("expires") ? `${form.get("expires")}T23:59:59Z` : null,
          },
        }),
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: KEYS }),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    make.mutate(new FormData(event.currentTarget));
  };
  const close = () => {
    make.reset();
    onClose();
  };
  return (
    <Dialog title={t("newKey")} open={open} onClose={close}>
      {make.data ? (
        <div className="grid gap-3">
          <p role="status">{t("keyMade")}</p>
          <code className="rounded-lg bg-sunken p-3 break-all">{make.data.key}</code>
          <CopyButton text={make.data.key} />
        </div>
      ) : (
        <form className="grid gap-4" onSubmit={submit}>
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
          {make.error && <Failure error={make.error} />}
          <Button type="submit" look="primary" busy={make.isPending} className="justify-self-end">
            {actions("create")}
          </Button>
        </form>
      )}
    </Dialog>
  );
}

function DeleteKey({ apiKey, onClose }: { apiKey?: Key; onClose: () => void }) {
  const t = useTranslations("profile");
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: (id: string) =>
      api.DELETE("/auth/api-keys/{key_id}", { params: { path: { key_id: id } } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: KEYS }),
  });
  const title = t("deleteKey", { name: apiKey?.name ?? "" });
  return (
    <Confirm
      title={title}
      text={t("deleteKeyText")}
      action={title}
      open={apiKey !== undefined}
      onClose={onClose}
      onConfirm={() => remove.mutateAsync(apiKey?.id ?? "")}
      failure={remove.error && <Failure error={remove.error} />}
    />
  );
}
