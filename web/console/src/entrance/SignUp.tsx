import { api, Button, Go, useSession, useToast } from "@baukasten/kit";
import { useNavigate } from "react-router";
import { useTranslations } from "use-intl";
import { EmailField, FormFailure, NewPasswordField, Sheet, useForm } from "./parts";

/** Make an account, and be signed in with it. */
export function Component() {
  const t = useTranslations("entrance");
  const say = useToast();
  const go = useNavigate();
  const { signIn } = useSession();
  const form = useForm(async ({ email = "", password = "" }) => {
    await api.POST("/auth/register", { body: { email, password } });
    await signIn(email, password);
    say(t("made", { email }));
    void go("/console/projects");
  });
  return (
    <Sheet title={t("signUp")} text={t("signUpText")}>
      <form className="grid gap-4" onSubmit={form.onSubmit}>
        <EmailField />
        <NewPasswordField label={t("password")} />
        <FormFailure error={form.error} literals={{ REGISTER_USER_ALREADY_EXISTS: t("exists") }} />
        <Button type="submit" look="primary" busy={form.busy}>
          {t("signUp")}
        </Button>
      </form>
      <p>
        {t("haveAccount")}{" "}
        <Go to="/console/sign-in" className="text-accent underline">
          {t("signIn")}
        </Go>
      </p>
    </Sheet>
  );
}
