import { api, buttonClasses, Failure, Go, Loading, Problem } from "@baukasten/kit";
import { useQuery } from "@tanstack/react-query";
import { useTranslations } from "use-intl";
import { Sheet, takeFragment } from "./parts";

const given = takeFragment();

/** Confirm an address with a mailed link: opening the page is enough. */
export function Component() {
  const t = useTranslations("entrance");
  const { isPending, error } = useQuery({
    queryKey: ["verify"],
    queryFn: async () => {
      await api.POST("/auth/verify", { body: { token: given.get("token") ?? "-" } });
      return true;
    },
    retry: false,
    staleTime: Infinity,
  });
  const literal = error instanceof Problem ? error.literal : undefined;
  const already = literal === "VERIFY_USER_ALREADY_VERIFIED";
  const bad = literal === "VERIFY_USER_BAD_TOKEN";
  return (
    <Sheet title={t("verify")}>
      {isPending && <Loading />}
      {!isPending && (!error || already) && (
        <p role="status">{already ? t("already") : t("verified")}</p>
      )}
      {error && !already && <Failure error={error} text={bad ? t("badLink") : undefined} />}
      <Go to="/" className={buttonClasses()}>
        {t("toHome")}
      </Go>
    </Sheet>
  );
}
