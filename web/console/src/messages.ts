import type { Catalogues } from "@baukasten/kit";
import * as admin from "./admin/messages";
import * as entrance from "./entrance/messages";
import * as home from "./home/messages";
import * as profile from "./profile/messages";
import * as projects from "./projects/messages";

/** Every text of the console, area by area: each area's file has it in every language. */
const en = {
  home: home.en,
  entrance: entrance.en,
  projects: projects.en,
  profile: profile.en,
  admin: admin.en,
};
const de: typeof en = {
  home: home.de,
  entrance: entrance.de,
  projects: projects.de,
  profile: profile.de,
  admin: admin.de,
};
const es: typeof en = {
  home: home.es,
  entrance: entrance.es,
  projects: projects.es,
  profile: profile.es,
  admin: admin.es,
};

export const messages: Catalogues<typeof en> = { de, en, es };

type ConsoleMessages = typeof en;
declare module "use-intl" {
  interface AppMessages extends ConsoleMessages {}
}
