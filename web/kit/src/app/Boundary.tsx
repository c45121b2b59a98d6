import { isRouteErrorResponse, useRouteError } from "react-router";
import { useTranslations } from "use-intl";
import { Failure } from "../ui/states";
import { Shell } from "./Shell";

/** A page that failed, or is none. */
export function Boundary() {
  const t = useTranslations("kit.states");
  const error = useRouteError();
  const missing = isRouteErrorResponse(error) && error.status === 404;
  return (
    <Shell>
      <Failure
        error={error}
        text={missing ? t("notFound") : t("unexpected")}
        onRetry={missing ? undefined : () => location.reload()}
      />
    </Shell>
  );
}
