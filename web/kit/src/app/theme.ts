/** Light or dark: the system's, unless somebody chose. */
export type Theme = "system" | "light" | "dark";

const STORED = "baukasten.theme";

export function storedTheme(): Theme {
  const found = localStorage.getItem(STORED);
  return found === "light" || found === "dark" ? found : "system";
}

/** Show a theme, and remember it on this device. */
export function showTheme(theme: Theme): void {
  localStorage.setItem(STORED, theme);
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
