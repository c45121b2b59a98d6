import {
  api,
  Badge,
  Button,
  Failure,
  Form,
  LANGUAGE_NAMES,
  LANGUAGES,
  type Language,
  NewPasswordField,
  type Profile,
  SelectField,
  textOf,
  useLanguage,
  useToast,
} from "@baukasten/kit";
import { useMutation } from "@tanstack/react-query";
import { useTranslations } from "use-intl";
import { Section } from "./Section";

/** Address, language, password. */
export function Account({ user }: { user: Profile }) {
  const t = useTranslations("profile");
  const say = useToast();
  const { language, setLanguage } = useLanguage();
  const sendLink = useMutation({
    mutationFn: () => api.POST("/auth/request-verify-token", { body: { email: user.email } }),
    onSuccess: () => say(t("linkSent")),
  });
  const speak = (chosen: Language) => {
    setLanguage(chosen);
    void api.PATCH("/users/me", { body: { language: chosen } });
  };
  return (
    <>
      <Section title={t("email")}>
        <p className="flex flex-wrap items-center gap-3">
          <span className="break-all">{user.email}</span>
          <Badge look={user.is_verified ? "good" : "warn"}>
            {user.is_verified ? t("confirmed") : t("unconfirmed")}
          </Badge>
          {!user.is_verified && (
            <Button busy={sendLink.isPending} onClick={() => sendLink.mutate()}>
              {t("sendLink")}
            </Button>
          )}
        </p>
        {sendLink.error && <Failure error={sendLink.error} />}
        <SelectField
          label={t("language")}
          hint={t("languageText")}
          value={language}
          onChange={(event) => speak(event.target.value as Language)}
        >
          {LANGUAGES.map((one) => (
            <option key={one} value={one}>
              {LANGUAGE_NAMES[one]}
            </option>
          ))}
        </SelectField>
      </Section>
      <PasswordChange />
    </>
  );
}

function PasswordChange() {
  const t = useTranslations("profile");
  const say = useToast();
  const change = async (fields: FormData, form: HTMLFormElement) => {
    await api.PATCH("/users/me", { body: { password: textOf(fields, "password") } });
    say(t("changed"));
    form.reset();
  };
  return (
    <Section title={t("password")} text={t("passwordText")}>
      <Form send={change} action={t("change")} look="secondary" place="start">
        <NewPasswordField label={t("newPassword")} required />
      </Form>
    </Section>
  );
}
