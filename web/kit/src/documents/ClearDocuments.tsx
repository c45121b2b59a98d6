import { useQueryClient } from "@tanstack/react-query";
import { useTranslations } from "use-intl";
import { api, take } from "../api/client";
import { ConfirmButton } from "../ui/dialog";
import { useToast } from "../ui/toasts";

interface ClearProps {
  project: { id: string; name: string };
  /** These call a project what it is called where this stands, in the reader's language. */
  title: string;
  text: string;
  wordLabel: string;
  className?: string;
}

/** Deletes all documents of a project, asked twice: its name must be typed. */
export function ClearDocuments({ project, ...words }: ClearProps) {
  const t = useTranslations("kit.documents");
  const say = useToast();
  const queries = useQueryClient();
  const clear = async () => {
    const query = { project_id: project.id };
    const { deleted } = await take(api.DELETE("/documents", { params: { query } }));
    say(t("cleared", { count: deleted }));
    void queries.invalidateQueries({ queryKey: ["documents", project.id] });
    void queries.invalidateQueries({ queryKey: ["project", project.id] });
  };
  return <ConfirmButton {...words} action={t("clear")} word={project.name} onConfirm={clear} />;
}
