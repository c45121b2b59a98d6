import type { Language } from "../app/language";
import { de } from "./de";
import { en } from "./en";
import { es } from "./es";

/** One catalogue in each language; a language that lacks a text of `T` fails the build. */
export type Catalogues<T> = Record<Language, T>;

export type KitMessages = typeof en;
export const kitMessages: Catalogues<KitMessages> = { de, en, es };
