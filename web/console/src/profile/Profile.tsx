import { PageHead, useSession } from "@baukasten/kit";
import { useTranslations } from "use-intl";
import { Account } from "./Account";
import { Data } from "./Data";
import { Keys } from "./Keys";
import { MyUsage } from "./MyUsage";
import { Sessions } from "./Sessions";

/** Everything about my account. */
export function Component() {
  const t = useTranslations("profile");
  const { user } = useSession();
  if (!user) return null;
  return (
    <div className="mx-auto max-w-3xl">
      <PageHead title={t("title")} />
      <div className="grid gap-6">
        <Account user={user} />
        <Sessions />
        <Keys user={user} />
        <MyUsage />
        <Data user={user} />
      </div>
    </div>
  );
}
