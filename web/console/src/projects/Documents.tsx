import {
  ClearDocuments,
  type components,
  DocumentList,
  type DocumentRow,
  Dropzone,
  TextField,
  UploadList,
} from "@baukasten/kit";
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
          <ClearDocuments
            project={project}
            title={t("clearTitle")}
            text={t("clearText")}
            wordLabel={t("clearWord")}
          />
        </div>
      )}
      <DocumentList projectId={project.id} named={filter} onOpen={onOpen} />
    </div>
  );
}
