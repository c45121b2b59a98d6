import { useMutation } from "@tanstack/react-query";
import { X } from "lucide-react";
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { Button, IconButton } from "./button";
import { classes } from "./classes";
import { TextField } from "./field";
import { Failure } from "./states";

interface DialogProps {
  title: string;
  open: boolean;
  onClose: () => void;
  /** The width of a page instead of a question. */
  wide?: boolean;
  children: ReactNode;
}

/** A modal dialog: the browser's own, which holds the focus and closes on Escape. */
export function Dialog({ title, open, onClose, wide, children }: DialogProps) {
  const t = useTranslations("kit.actions");
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    if (open && !dialog.current?.open) dialog.current?.showModal();
    if (!open) dialog.current?.close();
  }, [open]);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onClose={onClose}
      className={classes(
        "m-auto max-h-[90dvh] w-[calc(100%-2rem)] rounded-xl border border-line bg-surface p-0 text-ink shadow-xl",
        wide ? "max-w-4xl" : "max-w-lg",
      )}
    >
      {open && (
        <div className="flex max-h-[90dvh] flex-col">
          <header className="flex items-center justify-between gap-4 border-b border-line px-5 py-3">
            <h2 id={id} className="min-w-0 break-words">
              {title}
            </h2>
            <IconButton label={t("close")} onClick={onClose}>
              <X aria-hidden className="size-4" />
            </IconButton>
          </header>
          <div className="overflow-y-auto p-5">{children}</div>
        </div>
      )}
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  text: ReactNode;
  /** What the button says that does it. */
  action: string;
  /** A word that must be typed before: for what can't be undone and takes much with it. */
  word?: string;
  wordLabel?: string;
  open: boolean;
  onClose: () => void;
  /** Do it; what it raises is shown, and the dialog stays. */
  onConfirm: () => Promise<unknown>;
}

/** Asks before something is done that can't be undone. */
export function Confirm(props: ConfirmProps) {
  const t = useTranslations("kit.actions");
  const [typed, setTyped] = useState("");
  const doing = useMutation({ mutationFn: props.onConfirm });
  const close = () => {
    setTyped("");
    doing.reset();
    props.onClose();
  };
  return (
    <Dialog title={props.title} open={props.open} onClose={close}>
      <div className="grid gap-4">
        <div className="text-muted">{props.text}</div>
        {props.word && (
          <TextField
            label={props.wordLabel ?? props.word}
            value={typed}
            autoComplete="off"
            onChange={(event) => setTyped(event.target.value)}
          />
        )}
        {doing.error && <Failure error={doing.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>{t("cancel")}</Button>
          <Button
            look="danger"
            busy={doing.isPending}
            disabled={props.word !== undefined && typed.trim() !== props.word}
            onClick={() => doing.mutate(undefined, { onSuccess: close })}
          >
            {props.action}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

type ConfirmButtonProps = Omit<ConfirmProps, "open" | "onClose"> & { className?: string };

/** A button whose action is asked about first. */
export function ConfirmButton({ className, ...asked }: ConfirmButtonProps) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button look="danger" className={className} onClick={() => setOpen(true)}>
        {asked.action}
      </Button>
      <Confirm {...asked} open={open} onClose={() => setOpen(false)} />
    </>
  );
}
