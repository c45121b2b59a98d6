export const en = { title: "profile" };
export const de: typeof en = { title: "profile" };
export const es: typeof en = { title: "profile" };
