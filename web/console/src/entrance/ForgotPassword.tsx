import { api, Form, textOf } from "@baukasten/kit";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { EmailField, Sheet } from "./parts";

/** Have a link mailed that sets a new password. Whether there is an account is not told. */
export function Component() {
  const t = useTranslations("entrance");
  const [sent, setSent] = useState(false);
  const ask = async (fields: FormData) => {
    await api.POST("/auth/forgot-password", { body: { email: textOf(fields, "email") } });
    setSent(true);
  };
  return (
    <Sheet title={t("forgot")} text={t("forgotText")}>
      {sent ? (
        <p role="status">{t("linkSent")}</p>
      ) : (
        <Form send={ask} action={t("send")} place="wide">
          <EmailField />
        </Form>
      )}
    </Sheet>
  );
}
