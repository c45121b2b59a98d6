import { api, Button, buttonClasses, Go, signInPage, useSession } from "@baukasten/kit";
import { useEffect, useState } from "react";
import { useTranslations } from "use-intl";
import { FormFailure, Sheet, takeFragment, useForm } from "./parts";

const token = takeFragment().get("token") ?? "-";

/** Join a tenant with a mailed link; who is not signed in does that first, and comes back. */
export function Component() {
  const t = useTranslations("entrance");
  const { user } = useSession();
  useEffect(() => {
    if (user === null) location.assign(signInPage(`/console/invitation#token=${token}`));
  }, [user]);
  const [done, setDone] = useState(false);
  const form = useForm(async () => {
    await api.POST("/tenants/invitations/accept", { body: { token } });
    setDone(true);
  });
  return (
    <Sheet title={t("invitation")} text={t("invitationText")}>
      {done ? (
        <p role="status">{t("accepted")}</p>
      ) : (
        <form className="grid gap-4" onSubmit={form.onSubmit}>
          <FormFailure error={form.error} />
          <Button type="submit" look="primary" busy={form.busy} disabled={!user}>
            {t("accept")}
          </Button>
        </form>
      )}
      <Go to="/" className={buttonClasses()}>
        {t("toHome")}
      </Go>
    </Sheet>
  );
}
