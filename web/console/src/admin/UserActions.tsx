import {
  api,
  Badge,
  Confirm,
  type components,
  Dialog,
  Failure,
  Menu,
  MenuButton,
  useSession,
  useToast,
} from "@baukasten/kit";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Ellipsis } from "lucide-react";
import { useState } from "react";
import { useTranslations } from "use-intl";

type User = components["schemas"]["UserOut"];
type Change = components["schemas"]["UserChange"];

/** What an admin can do with an account. The platform refuses what would leave it without one. */
export function UserActions({ user }: { user: User }) {
  const t = useTranslations("admin");
  const say = useToast();
  const queries = useQueryClient();
  const me = useSession().user?.id === user.id;
  const [deleting, setDeleting] = useState(false);
  const path = { user_id: user.id };
  const renew = () => void queries.invalidateQueries({ queryKey: ["admin"] });
  const change = useMutation({
    mutationFn: (body: Change) => api.PATCH("/admin/users/{user_id}", { params: { path }, body }),
    onSuccess: () => {
      say(t("changed"));
      renew();
    },
  });
  const remove = async () => {
    await api.DELETE("/admin/users/{user_id}", { params: { path } });
    renew();
  };
  return (
    <>
      <Menu
        name={`${t("actions")}: ${user.email}`}
        label={<Ellipsis aria-hidden className="size-4" />}
      >
        <MenuButton onClick={() => change.mutate({ is_admin: !user.is_admin })}>
          {user.is_admin ? t("demote") : t("promote")}
        </MenuButton>
        <MenuButton onClick={() => change.mutate({ is_active: !user.is_active })}>
          {user.is_active ? t("deactivate") : t("activate")}
        </MenuButton>
        {me ? (
          <span className="px-3 py-1.5">
            <Badge>{t("you")}</Badge>
          </span>
        ) : (
          <MenuButton onClick={() => setDeleting(true)}>{t("deleteUser")}</MenuButton>
        )}
      </Menu>
      <Dialog title={user.email} open={change.error !== null} onClose={() => change.reset()}>
        <Failure error={change.error} />
      </Dialog>
      <Confirm
        title={t("deleteUser")}
        text={t("deleteUserText")}
        action={t("deleteUser")}
        word={user.email}
        wordLabel={t("email")}
        open={deleting}
        onClose={() => setDeleting(false)}
        onConfirm={remove}
      />
    </>
  );
}
