import { classes, Failure, Go, Problem, useSession } from "@baukasten/kit";
import { Outlet, useLocation } from "react-router";
import { useTranslations } from "use-intl";

const PAGES = [
  ["/console/admin", "dashboard"],
  ["/console/admin/users", "users"],
  ["/console/admin/models", "models"],
  ["/console/admin/usage", "usage"],
  ["/console/admin/audit", "audit"],
] as const;

/** The frame of the admin's pages. */
export function Component() {
  const t = useTranslations("admin");
  const { user } = useSession();
  const { pathname } = useLocation();
  if (!user?.is_admin) return <Failure error={new Problem(403)} text={t("forbidden")} />;
  return (
    <>
      <nav aria-label={t("title")} className="mb-6 flex flex-wrap gap-1 border-b border-line pb-2">
        {PAGES.map(([path, name]) => (
          <Go
            key={path}
            to={path}
            aria-current={pathname === path ? "page" : undefined}
            className={classes(
              "rounded-lg px-3 py-1.5",
              pathname === path ? "bg-accent-soft font-medium text-accent" : "hover:bg-sunken",
            )}
          >
            {t(`nav.${name}`)}
          </Go>
        ))}
      </nav>
      <Outlet />
    </>
  );
}
