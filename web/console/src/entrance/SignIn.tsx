import {
  api,
  buttonClasses,
  Failure,
  Form,
  Go,
  TextField,
  take,
  textOf,
  useInstallation,
  useSession,
} from "@baukasten/kit";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { EmailField, Sheet, takeFragment } from "./parts";

const given = takeFragment();

/** Sign in with a password, or on another site; then on to where one wanted to go. */
export function Component() {
  const t = useTranslations("entrance");
  const { user, signIn } = useSession();
  const { data: installation } = useInstallation();
  const siteFailure = useHandedOver();
  useEffect(() => {
    if (user) location.replace(target());
  }, [user]);
  return (
    <Sheet title={t("signIn")} text={t("signInText")}>
      {siteFailure && (
        <Failure error={siteFailure} text={`${t("siteFailed")} ${siteFailure.message}`} />
      )}
      <Form
        send={(fields) => signIn(textOf(fields, "email"), textOf(fields, "password"))}
        action={t("signIn")}
        place="wide"
        literals={{ LOGIN_BAD_CREDENTIALS: t("badCredentials") }}
      >
        <EmailField />
        <TextField
          label={t("password")}
          name="password"
          type="password"
          autoComplete="current-password"
          required
        />
      </Form>
      <Sites />
      <p className="flex flex-wrap justify-between gap-2">
        <Go to="/console/forgot-password" className="text-accent underline">
          {t("forgot")}
        </Go>
        {installation?.registration && (
          <Go to="/console/sign-up" className="text-accent underline">
            {t("signUp")}
          </Go>
        )}
      </p>
    </Sheet>
  );
}

/** Where one wanted to go: a path of this installation, nothing else. */
function target(): string {
  const next = new URL(given.get("next") ?? "/console/projects", location.origin);
  return next.origin === location.origin ? next.href : "/console/projects";
}

/** Go on with what another site's sign-in handed over; what failed there. */
function useHandedOver(): Error | undefined {
  const { adopt } = useSession();
  const [failure, setFailure] = useState<Error>();
  const taken = useRef(false);
  useEffect(() => {
    if (taken.current) return;
    taken.current = true;
    const token = given.get("refresh_token");
    if (token) adopt(token).catch(setFailure);
    else if (given.has("error")) setFailure(new Error(given.get("error_description") ?? ""));
  }, [adopt]);
  return failure;
}

function Sites() {
  const t = useTranslations("entrance");
  const { data: sites } = useQuery({
    queryKey: ["sites"],
    queryFn: () => take(api.GET("/auth/oidc")),
  });
  if (!sites?.length) return null;
  return (
    <div className="grid gap-2">
      <p className="text-center text-sm text-muted">{t("or")}</p>
      {sites.map((site) => (
        <a key={site.name} href={site.login} className={buttonClasses()}>
          {t("with", { site: site.title })}
        </a>
      ))}
    </div>
  );
}
