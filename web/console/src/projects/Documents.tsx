import {
  api,
  Button,
  Confirm,
  type components,
  DocumentList,
  type DocumentRow,
  Dropzone,
  Failure,
  TextField,
  take,
  UploadList,
  useToast,
} from "@baukasten/kit";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { useTranslations } from "use-intl";

interface DocumentsProps {
  project: components["schemas"]["ProjectDetail"];
  onOpen: (document: DocumentRow) => void;
}

/** A project's documents: dropped in, followed until they are ready, listed, deleted. */
export function Documents({ project, onOpen }: DocumentsProps) {
  const t = useTranslations("projects");
  const [named, setNamed] = useState("");
  const filter = useDeferredValue(named.trim());
  const { queued, processing, ready, failed } = project.documents;
  const count = queued + processing + ready + failed;
  return (
    <div className="grid gap-4">
      <Dropzone projectId={project.id} />
      <UploadList projectId={project.id} />
      {count > 0 && (
        <div className="flex flex-wrap items-end justify-between gap-3">
          <TextField
            label={t("filter")}
            type="search"
            value={named}
            onChange={(event) => setNamed(event.target.value)}
          />
          <ClearAll project={project} />
        </div>
      )}
      <DocumentList projectId={project.id} named={filter} onOpen={onOpen} />
    </div>
  );
}

function ClearAll({ project }: Pick<DocumentsProps, "project">) {
  const t = useTranslations("projects");
  const say = useToast();
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const clear = useMutation({
    mutationFn: () =>
      take(api.DELETE("/documents", { params: { query: { project_id: project.id } } })),
    onSuccess: ({ deleted }) => {
      say(t("cleared", { count: deleted }));
      void queries.invalidateQueries({ queryKey: ["documents", project.id] });
      void queries.invalidateQueries({ queryKey: ["project", project.id] });
    },
  });
  return (
    <>
      <Button look="danger" onClick={() => setAsking(true)}>
        {t("clear")}
      </Button>
      <Confirm
        title={t("clearTitle")}
        text={t("clearText")}
        action={t("clear")}
        word={project.name}
        wordLabel={t("clearWord")}
        open={asking}
        onClose={() => setAsking(false)}
        onConfirm={() => clear.mutateAsync()}
        failure={clear.error && <Failure error={clear.error} />}
      />
    </>
  );
}
