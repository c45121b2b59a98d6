import type { KitMessages } from "../messages";
import type { Language } from "./language";

declare module "use-intl" {
  // A package adds its own texts by declaring `AppMessages` (see the console's `messages`).
  interface AppMessages {}
  interface AppConfig {
    Locale: Language;
    Messages: KitMessages & AppMessages;
  }
}
