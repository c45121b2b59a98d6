import { Cloud, House } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslations } from "use-intl";
import { classes } from "./classes";

const LOOKS = {
  neutral: "bg-sunken text-ink",
  good: "bg-good-soft text-good",
  warn: "bg-warn-soft text-warn",
  danger: "bg-danger-soft text-danger",
  accent: "bg-accent-soft text-accent",
} as const;

export type BadgeLook = keyof typeof LOOKS;

interface BadgeProps {
  look?: BadgeLook;
  title?: string;
  children: ReactNode;
}

export function Badge({ look = "neutral", title, children }: BadgeProps) {
  return (
    <span
      title={title}
      className={classes(
        "inline-flex items-center gap-1 rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap",
        LOOKS[look],
      )}
    >
      {children}
    </span>
  );
}

/** Where something is processed: in the house, or in a region outside. */
export function RegionBadge({ region }: { region: string }) {
  const t = useTranslations("kit.regions");
  const local = region === "local";
  const Icon = local ? House : Cloud;
  return (
    <Badge
      look={local ? "good" : "warn"}
      title={local ? t("localHint") : t("elsewhereHint", { region: region.toUpperCase() })}
    >
      <Icon aria-hidden className="size-3" />
      {local ? t("local") : region.toUpperCase()}
    </Badge>
  );
}
