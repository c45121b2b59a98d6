export const en = { title: "admin" };
export const de: typeof en = { title: "admin" };
export const es: typeof en = { title: "admin" };
