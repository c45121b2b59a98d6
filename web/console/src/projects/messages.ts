export const en = { title: "projects" };
export const de: typeof en = { title: "projects" };
export const es: typeof en = { title: "projects" };
