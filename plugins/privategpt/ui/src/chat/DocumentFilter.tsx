import { Button, Dialog, DocumentList, TextField } from "@baukasten/kit";
import { Filter } from "lucide-react";
import { useState } from "react";
import { useTranslations } from "use-intl";
import type { Ways } from "./useChat";

interface FilterProps {
  projectId: string;
  ways: Ways;
  onWays: (ways: Ways) => void;
}

/** Which documents an answer is made from; none chosen: all. */
export function DocumentFilter({ projectId, ways, onWays }: FilterProps) {
  const t = useTranslations();
  const [open, setOpen] = useState(false);
  const [named, setNamed] = useState("");
  const chosen = new Set(ways.documents);
  const select = (id: string, on: boolean) => {
    if (on) chosen.add(id);
    else chosen.delete(id);
    onWays({ ...ways, documents: chosen.size ? [...chosen] : undefined });
  };
  return (
    <>
      <Button
        look={chosen.size ? "secondary" : "quiet"}
        className="text-sm"
        icon={<Filter aria-hidden className="size-4" />}
        onClick={() => setOpen(true)}
      >
        {chosen.size ? t("chat.filtered", { count: chosen.size }) : t("chat.filter")}
      </Button>
      <Dialog title={t("chat.filterTitle")} open={open} onClose={() => setOpen(false)} wide>
        <div className="grid gap-3">
          <p className="text-muted">{t("chat.filterText")}</p>
          <TextField
            label={t("kit.actions.search")}
            type="search"
            value={named}
            onChange={(event) => setNamed(event.target.value)}
          />
          <DocumentList
            projectId={projectId}
            named={named.trim()}
            selected={chosen}
            onSelect={select}
            onOpen={({ id }) => select(id, !chosen.has(id))}
          />
          <div className="flex justify-end gap-2">
            <Button onClick={() => onWays({ ...ways, documents: undefined })}>
              {t("chat.filterClear")}
            </Button>
            <Button look="primary" onClick={() => setOpen(false)}>
              {t("kit.actions.close")}
            </Button>
          </div>
        </div>
      </Dialog>
    </>
  );
}
