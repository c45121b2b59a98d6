/** The languages every text is there in. */
export const LANGUAGES = ["de", "en", "es"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Each language's own name. */
export const LANGUAGE_NAMES: Record<Language, string> = {
  de: "Deutsch",
  en: "English",
  es: "Español",
};

const STORED = "baukasten.language";

/** The language that was chosen, else the first of the browser's that we speak, else English. */
export function preferredLanguage(): Language {
  const wanted = [localStorage.getItem(STORED) ?? "", ...navigator.languages];
  return wanted.map((tag) => tag.slice(0, 2)).find(isLanguage) ?? "en";
}

export function isLanguage(tag: string): tag is Language {
  return (LANGUAGES as readonly string[]).includes(tag);
}

let spoken: Language | undefined;

/** What calls ask the platform to answer in. */
export function spokenLanguage(): Language {
  spoken ??= preferredLanguage();
  return spoken;
}

/** Speak a language from now on. */
export function speak(language: Language): void {
  spoken = language;
  document.documentElement.lang = language;
}

/** Speak it also the next time, on this device. */
export function remember(language: Language): void {
  localStorage.setItem(STORED, language);
}

/** Whether somebody chose a language on this device. */
export function isChosen(): boolean {
  return localStorage.getItem(STORED) !== null;
}
