import { useTranslations } from "use-intl";

export function Component() {
  const t = useTranslations("projects");
  return <h1>{t("title")}</h1>;
}
