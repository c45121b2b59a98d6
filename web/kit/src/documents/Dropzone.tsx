import { FolderUp, Upload } from "lucide-react";
import { type DragEvent, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { useInstallation } from "../app/Shell";
import { Button } from "../ui/button";
import { classes } from "../ui/classes";
import { droppedFiles, visible } from "./dropped";
import { useUploads } from "./uploads";

const NAMED_TYPES = 5;

/** Where files and folders are dropped or chosen; they are sent at once. */
export function Dropzone({ projectId }: { projectId: string }) {
  const t = useTranslations("kit.documents");
  const { data: installation } = useInstallation();
  const { add } = useUploads(projectId);
  const [over, setOver] = useState(false);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const drag = (event: DragEvent) => {
    event.preventDefault();
    setOver(event.type === "dragover");
  };
  const drop = (event: DragEvent) => {
    drag(event);
    void droppedFiles(event.dataTransfer).then(add);
  };
  const types = installation?.file_types ?? [];
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is one way; the buttons are the other
    <div
      onDragOver={drag}
      onDragLeave={drag}
      onDrop={drop}
      className={classes(
        "grid justify-items-center gap-3 rounded-xl border-2 border-dashed p-6 text-center",
        over ? "border-accent bg-accent-soft" : "border-line",
      )}
    >
      <Upload aria-hidden className="size-7 text-accent" />
      <p className="font-medium">{t("drop")}</p>
      <p className="text-sm text-muted">
        {t("dropHint", {
          types: types.slice(0, NAMED_TYPES).join(" "),
          mib: String(installation?.max_upload_mib ?? ""),
        })}
      </p>
      <div className="flex flex-wrap justify-center gap-2">
        <Button look="primary" onClick={() => files.current?.click()}>
          {t("choose")}
        </Button>
        <Button
          icon={<FolderUp aria-hidden className="size-4" />}
          onClick={() => folder.current?.click()}
        >
          {t("chooseFolder")}
        </Button>
      </div>
      <Chooser ref={files} label={t("choose")} accept={types.join(",")} onChosen={add} />
      <Chooser ref={folder} label={t("chooseFolder")} folder onChosen={add} />
    </div>
  );
}

interface ChooserProps {
  ref: React.Ref<HTMLInputElement>;
  label: string;
  accept?: string;
  folder?: boolean;
  onChosen: (files: File[]) => void;
}

/** The browser's own file dialog; the buttons above open it. */
function Chooser({ ref, label, accept, folder, onChosen }: ChooserProps) {
  return (
    <input
      ref={ref}
      type="file"
      multiple
      hidden
      aria-label={label}
      accept={accept}
      {...(folder ? { webkitdirectory: "" } : {})}
      onChange={(event) => {
        onChosen(visible(event.target.files ?? []));
        event.target.value = "";
      }}
    />
  );
}
