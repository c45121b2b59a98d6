import {
  authorizedFetch,
  Button,
  Confirm,
  Dialog,
  download,
  Failure,
  type Profile,
  useSession,
} from "@baukasten/kit";
import { useMutation } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { Section } from "./Section";

/** What is held about me: all of it to take along, or its end. */
export function Data({ user }: { user: Profile }) {
  const t = useTranslations("profile");
  const { signOut } = useSession();
  const [asking, setAsking] = useState(false);
  const [receipt, setReceipt] = useState<string>();
  const take = useMutation({ mutationFn: () => download("/users/me/export") });
  const erase = useMutation({
    mutationFn: () => authorizedFetch("/users/me", { method: "DELETE" }),
    onSuccess: (response) => setReceipt(receiptOf(response) ?? ""),
  });
  return (
    <Section title={t("data")} text={t("exportText")}>
      {take.error && <Failure error={take.error} />}
      <div className="flex flex-wrap gap-3">
        <Button
          busy={take.isPending}
          icon={<Download aria-hidden className="size-4" />}
          onClick={() => take.mutate()}
        >
          {t("export")}
        </Button>
        <Button look="danger" onClick={() => setAsking(true)}>
          {t("delete")}
        </Button>
      </div>
      <Confirm
        title={t("delete")}
        text={t("deleteText")}
        action={t("delete")}
        word={user.email}
        wordLabel={t("email")}
        open={asking}
        onClose={() => setAsking(false)}
        onConfirm={() => erase.mutateAsync()}
        failure={erase.error && <Failure error={erase.error} />}
      />
      <Dialog title={t("deleted")} open={receipt !== undefined} onClose={() => void signOut()}>
        <p>{t("receipt")}</p>
        <p className="mt-3">
          <a href={receipt} className="font-mono text-sm break-all text-accent underline">
            {receipt?.split("/").at(-1)}
          </a>
        </p>
      </Dialog>
    </Section>
  );
}

function receiptOf(response: Response): string | undefined {
  return response.headers.get("link")?.match(/<([^>]+)>; rel="receipt"/)?.[1];
}
