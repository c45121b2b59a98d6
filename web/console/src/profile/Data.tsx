import {
  authorizedFetch,
  Button,
  ConfirmButton,
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
  const [receipt, setReceipt] = useState<string>();
  const take = useMutation({ mutationFn: () => download("/users/me/export") });
  const erase = async () => {
    const response = await authorizedFetch("/users/me", { method: "DELETE" });
    setReceipt(receiptOf(response) ?? "");
  };
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
        <ConfirmButton
          title={t("delete")}
          text={t("deleteText")}
          action={t("delete")}
          word={user.email}
          wordLabel={t("email")}
          onConfirm={erase}
        />
      </div>
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
