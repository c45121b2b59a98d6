import type { Catalogues } from "@baukasten/kit";

const en = { notes: { title: "Notes", text: "Note", add: "Add", none: "No note yet" } };
const de: typeof en = {
  notes: { title: "Notizen", text: "Notiz", add: "Hinzufügen", none: "Noch keine Notiz" },
};
const es: typeof en = {
  notes: { title: "Notas", text: "Nota", add: "Añadir", none: "Aún no hay notas" },
};

export const messages: Catalogues<typeof en> = { de, en, es };

type NotesMessages = typeof en;
declare module "use-intl" {
  interface AppMessages extends NotesMessages {}
}
