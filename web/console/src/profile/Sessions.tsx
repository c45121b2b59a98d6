import {
  api,
  Badge,
  Button,
  ConfirmButton,
  Failure,
  Loading,
  take,
  useSession,
  useToast,
} from "@baukasten/kit";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useFormatter, useTranslations } from "use-intl";
import { Section } from "./Section";

const BROWSERS = ["Edg", "OPR", "Firefox", "Chrome", "Safari"];
const SYSTEMS = ["iPhone", "iPad", "Android", "Windows", "Mac OS", "Linux"];
const NAMES: Record<string, string> = { Edg: "Edge", OPR: "Opera", "Mac OS": "macOS" };

/** Where I am signed in. */
export function Sessions() {
  const t = useTranslations("profile");
  const format = useFormatter();
  const say = useToast();
  const queries = useQueryClient();
  const { signOut } = useSession();
  const device = useDevice();
  const sessions = useQuery({
    queryKey: ["sessions"],
    queryFn: () => take(api.GET("/auth/sessions")),
  });
  const end = useMutation({
    mutationFn: (id: string) =>
      api.DELETE("/auth/sessions/{session_id}", { params: { path: { session_id: id } } }),
    onSuccess: () => {
      say(t("ended"));
      void queries.invalidateQueries({ queryKey: ["sessions"] });
    },
  });
  return (
    <Section
      title={t("sessions")}
      text={t("sessionsText")}
      actions={
        <ConfirmButton
          title={t("endAll")}
          text={t("endAllText")}
          action={t("endAll")}
          onConfirm={async () => {
            await api.DELETE("/auth/sessions");
            await signOut();
          }}
        />
      }
    >
      {sessions.isPending && <Loading />}
      {(sessions.error ?? end.error) && <Failure error={sessions.error ?? end.error} />}
      <ul className="grid gap-2">
        {sessions.data?.map((one) => (
          <li key={one.id} className="flex items-center justify-between gap-3">
            <span>
              {device(one.user_agent)} {one.current && <Badge look="accent">{t("thisOne")}</Badge>}
              <span className="block text-sm text-muted">
                {t("used", {
                  date: format.dateTime(new Date(one.used_at), {
                    dateStyle: "medium",
                    timeStyle: "short",
                  }),
                })}
              </span>
            </span>
            {!one.current && (
              <Button
                aria-label={t("endLabel", { device: device(one.user_agent) })}
                onClick={() => end.mutate(one.id)}
              >
                {t("end")}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** A device in words, from what its browser says of itself. */
function useDevice(): (userAgent: string) => string {
  const t = useTranslations("profile");
  const named = (names: string[], agent: string) => {
    const found = names.find((name) => agent.includes(name));
    return found && (NAMES[found] ?? found);
  };
  return (agent) => {
    const browser = named(BROWSERS, agent);
    const system = named(SYSTEMS, agent);
    if (!browser || !system) return agent || t("unknownDevice");
    return t("device", { browser, system });
  };
}
