import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "./button";

/** Puts a text into the clipboard. */
export function CopyButton({ text }: { text: string }) {
  const t = useTranslations("kit.actions");
  const [copied, setCopied] = useState(false);
  const Icon = copied ? Check : Copy;
  return (
    <Button
      className="justify-self-start"
      icon={<Icon aria-hidden className="size-4" />}
      onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
    >
      {copied ? t("copied") : t("copy")}
    </Button>
  );
}
