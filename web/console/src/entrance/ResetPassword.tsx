import { api, buttonClasses, Form, Go, NewPasswordField, textOf } from "@baukasten/kit";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { Sheet, takeFragment } from "./parts";

const given = takeFragment();

/** Set a new password with a mailed link. */
export function Component() {
  const t = useTranslations("entrance");
  const [done, setDone] = useState(false);
  const reset = async (fields: FormData) => {
    const body = { token: given.get("token") ?? "-", password: textOf(fields, "password") };
    await api.POST("/auth/reset-password", { body });
    setDone(true);
  };
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
      <Form
        send={reset}
        action={t("reset")}
        place="wide"
        literals={{ RESET_PASSWORD_BAD_TOKEN: t("badLink") }}
        help={
          <Go to="/console/forgot-password" className="text-accent underline">
            {t("newLink")}
          </Go>
        }
      >
        <NewPasswordField label={t("newPassword")} required />
      </Form>
    </Sheet>
  );
}
