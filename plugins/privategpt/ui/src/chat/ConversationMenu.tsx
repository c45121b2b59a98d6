import {
  api,
  Confirm,
  type components,
  Dialog,
  download,
  Form,
  Menu,
  MenuButton,
  TextField,
  textOf,
} from "@baukasten/kit";
import { useQueryClient } from "@tanstack/react-query";
import { Ellipsis } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";
import { useTranslations } from "use-intl";

const FORMS = { markdown: "Markdown", json: "JSON", pdf: "PDF" } as const;

interface MenuProps {
  projectId: string;
  conversation: components["schemas"]["ConversationOut"];
  /** The one that is shown. */
  current?: string;
}

/** What can be done with a conversation: another title, taken along, deleted. */
export function ConversationMenu({ projectId, conversation, current }: MenuProps) {
  const t = useTranslations("chat");
  const [dialog, setDialog] = useState<"rename" | "delete">();
  const path = { project_id: projectId, conversation_id: conversation.id };
  const base = `/privategpt/projects/${projectId}/conversations`;
  const close = () => setDialog(undefined);
  return (
    <>
      <Menu
        name={t("more", { title: conversation.title })}
        label={<Ellipsis aria-hidden className="size-4" />}
      >
        <MenuButton onClick={() => setDialog("rename")}>{t("rename")}</MenuButton>
        {Object.entries(FORMS).map(([form, name]) => (
          <MenuButton
            key={form}
            onClick={() => void download(`${base}/${conversation.id}/export?format=${form}`)}
          >
            {t("export", { form: name })}
          </MenuButton>
        ))}
        <MenuButton onClick={() => setDialog("delete")}>{t("delete")}</MenuButton>
      </Menu>
      <Rename open={dialog === "rename"} onClose={close} path={path} title={conversation.title} />
      <Delete open={dialog === "delete"} onClose={close} path={path} current={current} />
    </>
  );
}

interface ActionProps {
  open: boolean;
  onClose: () => void;
  path: { project_id: string; conversation_id: string };
}

function Rename({ open, onClose, path, title }: ActionProps & { title: string }) {
  const t = useTranslations();
  const queries = useQueryClient();
  const rename = async (fields: FormData) => {
    await api.PATCH("/privategpt/projects/{project_id}/conversations/{conversation_id}", {
      params: { path },
      body: { title: textOf(fields, "title") },
    });
    void queries.invalidateQueries({ queryKey: ["conversations", path.project_id] });
    onClose();
  };
  return (
    <Dialog title={t("chat.rename")} open={open} onClose={onClose}>
      <Form send={rename} action={t("kit.actions.save")}>
        <TextField
          label={t("chat.name")}
          name="title"
          required
          maxLength={200}
          defaultValue={title}
          autoFocus
        />
      </Form>
    </Dialog>
  );
}

function Delete({ open, onClose, path, current }: ActionProps & { current?: string }) {
  const t = useTranslations("chat");
  const go = useNavigate();
  const queries = useQueryClient();
  const remove = async () => {
    await api.DELETE("/privategpt/projects/{project_id}/conversations/{conversation_id}", {
      params: { path },
    });
    void queries.invalidateQueries({ queryKey: ["conversations", path.project_id] });
    void queries.invalidateQueries({ queryKey: ["project", path.project_id, "counts"] });
    if (current === path.conversation_id) {
      void go(`/apps/privategpt/projects/${path.project_id}/conversations`);
    }
  };
  return (
    <Confirm
      title={t("deleteTitle")}
      text={t("deleteText")}
      action={t("delete")}
      open={open}
      onClose={onClose}
      onConfirm={remove}
    />
  );
}
