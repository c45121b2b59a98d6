import { api, buttonClasses, Go, Loading, Problem } from "@baukasten/kit";
import { useQuery } from "@tanstack/react-query";
import { useTranslations } from "use-intl";
import { FormFailure, Sheet, takeFragment } from "./parts";

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
  const already = error instanceof Problem && error.literal === "VERIFY_USER_ALREADY_VERIFIED";
  return (
    <Sheet title={t("verify")}>
      {isPending && <Loading />}
      {!isPending && (!error || already) && (
        <p role="status">{already ? t("already") : t("verified")}</p>
      )}
      {!already && <FormFailure error={error} literals={{ VERIFY_USER_BAD_TOKEN: t("badLink") }} />}
      <Go to="/" className={buttonClasses()}>
        {t("toHome")}
      </Go>
    </Sheet>
  );
}
