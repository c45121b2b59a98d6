import { useQueryClient } from "@tanstack/react-query";
import { api, take } from "../api/client";
import { ConfirmButton } from "../ui/dialog";
import { useToast } from "../ui/toasts";

interface ClearProps {
  project: { id: string; name: string };
  /** What a project is called where this stands, in the reader's language. */
  texts: {
    action: string;
    title: string;
    text: string;
    wordLabel: string;
    cleared: (count: number) => string;
  };
  className?: string;
}

/** Deletes all documents of a project, asked twice: its name must be typed. */
export function ClearDocuments({ project, texts, className }: ClearProps) {
  const { cleared, ...words } = texts;
  const say = useToast();
  const queries = useQueryClient();
  const clear = async () => {
    const query = { project_id: project.id };
    const { deleted } = await take(api.DELETE("/documents", { params: { query } }));
    say(cleared(deleted));
    void queries.invalidateQueries({ queryKey: ["documents", project.id] });
    void queries.invalidateQueries({ queryKey: ["project", project.id] });
  };
  return <ConfirmButton {...words} word={project.name} className={className} onConfirm={clear} />;
}
