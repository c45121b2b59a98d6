import { api, buttonClasses, Form, Go, signInPage, useSession } from "@baukasten/kit";
import { useEffect, useState } from "react";
import { useTranslations } from "use-intl";
import { Sheet, takeFragment } from "./parts";

const token = takeFragment().get("token") ?? "-";

/** Join a tenant with a mailed link; who is not signed in does that first, and comes back. */
export function Component() {
  const t = useTranslations("entrance");
  const { user } = useSession();
  useEffect(() => {
    if (user === null) location.assign(signInPage(`/console/invitation#token=${token}`));
  }, [user]);
  const [done, setDone] = useState(false);
  const accept = async () => {
    await api.POST("/tenants/invitations/accept", { body: { token } });
    setDone(true);
  };
  return (
    <Sheet title={t("invitation")} text={t("invitationText")}>
      {done ? (
        <p role="status">{t("accepted")}</p>
      ) : (
        <Form send={accept} action={t("accept")} place="wide" disabled={!user} />
      )}
      <Go to="/" className={buttonClasses()}>
        {t("toHome")}
      </Go>
    </Sheet>
  );
}
