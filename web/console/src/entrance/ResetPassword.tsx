import { api, Button, buttonClasses, Go } from "@baukasten/kit";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { FormFailure, NewPasswordField, Sheet, takeFragment, useForm } from "./parts";

const given = takeFragment();

/** Set a new password with a mailed link. */
export function Component() {
  const t = useTranslations("entrance");
  const [done, setDone] = useState(false);
  const form = useForm(async ({ password = "" }) => {
    await api.POST("/auth/reset-password", {
      body: { token: given.get("token") ?? "-", password },
    });
    setDone(true);
  });
  if (done) {
    return (
      <Sheet title={t("reset")}>
        <p role="status">{t("resetDone")}</p>
        <Go to="/console/sign-in" className={buttonClasses("primary")}>
          {t("signIn")}
        </Go>
      </Sheet>
    );
  }
  return (
    <Sheet title={t("reset")} text={t("resetText")}>
      <form className="grid gap-4" onSubmit={form.onSubmit}>
        <NewPasswordField label={t("newPassword")} />
        <FormFailure error={form.error} literals={{ RESET_PASSWORD_BAD_TOKEN: t("badLink") }} />
        <Button type="submit" look="primary" busy={form.busy}>
          {t("reset")}
        </Button>
      </form>
      {form.error !== undefined && (
        <Go to="/console/forgot-password" className="text-accent underline">
          {t("newLink")}
        </Go>
      )}
    </Sheet>
  );
}
