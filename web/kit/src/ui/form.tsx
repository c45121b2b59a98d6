import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Problem } from "../api/problem";
import { Button, type ButtonLook } from "./button";
import { classes } from "./classes";
import { Failure } from "./states";

const PLACES = { start: "justify-self-start", end: "justify-self-end", wide: "" } as const;

interface FormProps {
  /** Send what was filled in; what it raises is shown above the button. */
  send: (fields: FormData, form: HTMLFormElement) => Promise<unknown>;
  /** What the button says that sends. */
  action: string;
  look?: ButtonLook;
  /** Where the button stands. */
  place?: keyof typeof PLACES;
  disabled?: boolean;
  /** What stands beside it, such as a button that leaves. */
  beside?: ReactNode;
  /** What the contract's literals, such as `LOGIN_BAD_CREDENTIALS`, mean here. */
  literals?: Record<string, string>;
  /** What helps after a failure; stands at the end. */
  help?: ReactNode;
  children?: ReactNode;
}

/** Fields, what went wrong with them, and the button that sends them, once at a time. */
export function Form({ send, action, literals = {}, help, children, ...button }: FormProps) {
  const { look = "primary", place = "end", disabled, beside } = button;
  const sending = useMutation({
    mutationFn: (form: HTMLFormElement) => send(new FormData(form), form),
  });
  const literal = sending.error instanceof Problem ? sending.error.literal : undefined;
  return (
    <form
      className="grid gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        sending.mutate(event.currentTarget);
      }}
    >
      {children}
      {sending.error && <Failure error={sending.error} text={literal && literals[literal]} />}
      <div className={classes("flex gap-2", PLACES[place])}>
        {beside}
        <Button
          type="submit"
          look={look}
          busy={sending.isPending}
          disabled={disabled}
          className={classes(place === "wide" && "grow")}
        >
          {action}
        </Button>
      </div>
      {sending.error && help}
    </form>
  );
}

/** A field of a form as text; empty where it is not there. */
export function textOf(fields: FormData, name: string): string {
  return String(fields.get(name) ?? "");
}
