import { useTranslations } from "use-intl";

export function Component() {
  const t = useTranslations("admin");
  return <h1>{t("title")}</h1>;
}
