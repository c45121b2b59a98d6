import { api, Button } from "@baukasten/kit";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { EmailField, FormFailure, Sheet, useForm } from "./parts";

/** Have a link mailed that sets a new password. Whether there is an account is not told. */
export function Component() {
  const t = useTranslations("entrance");
  const [sent, setSent] = useState(false);
  const form = useForm(async ({ email = "" }) => {
    await api.POST("/auth/forgot-password", { body: { email } });
    setSent(true);
  });
  return (
    <Sheet title={t("forgot")} text={t("forgotText")}>
      {sent ? (
        <p role="status">{t("linkSent")}</p>
      ) : (
        <form className="grid gap-4" onSubmit={form.onSubmit}>
          <EmailField />
          <FormFailure error={form.error} />
          <Button type="submit" look="primary" busy={form.busy}>
            {t("send")}
          </Button>
        </form>
      )}
    </Sheet>
  );
}
