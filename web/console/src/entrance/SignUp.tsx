import { api, Form, Go, NewPasswordField, textOf, useSession, useToast } from "@baukasten/kit";
import { useNavigate } from "react-router";
import { useTranslations } from "use-intl";
import { EmailField, Sheet } from "./parts";

/** Make an account, and be signed in with it. */
export function Component() {
  const t = useTranslations("entrance");
  const say = useToast();
  const go = useNavigate();
  const { signIn } = useSession();
  const signUp = async (fields: FormData) => {
    const email = textOf(fields, "email");
    const password = textOf(fields, "password");
    await api.POST("/auth/register", { body: { email, password } });
    await signIn(email, password);
    say(t("made", { email }));
    void go("/console/projects");
  };
  return (
    <Sheet title={t("signUp")} text={t("signUpText")}>
      <Form
        send={signUp}
        action={t("signUp")}
        place="wide"
        literals={{ REGISTER_USER_ALREADY_EXISTS: t("exists") }}
      >
        <EmailField />
        <NewPasswordField label={t("password")} required />
      </Form>
      <p>
        {t("haveAccount")}{" "}
        <Go to="/console/sign-in" className="text-accent underline">
          {t("signIn")}
        </Go>
      </p>
    </Sheet>
  );
}
