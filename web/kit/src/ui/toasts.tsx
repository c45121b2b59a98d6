import { createContext, type ReactNode, useCallback, useContext, useState } from "react";
import { classes } from "./classes";

interface Toast {
  id: number;
  text: string;
  bad: boolean;
}

const SECONDS_SHOWN = 6;

const Say = createContext<(text: string, bad?: boolean) => void>(() => undefined);

/** Say in passing that something was done, or that it failed: `say(text, bad?)`. */
export const useToast = () => useContext(Say);

export function Toasts({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<Toast[]>([]);
  const say = useCallback((text: string, bad = false) => {
    const id = Math.random();
    setShown((before) => [...before, { id, text, bad }]);
    setTimeout(
      () => setShown((now) => now.filter((toast) => toast.id !== id)),
      SECONDS_SHOWN * 1000,
    );
  }, []);
  return (
    <Say value={say}>
      {children}
      <div role="status" className="fixed right-4 bottom-4 z-50 grid gap-2">
        {shown.map((toast) => (
          <p
            key={toast.id}
            className={classes(
              "max-w-sm rounded-lg border px-4 py-2 shadow-lg",
              toast.bad ? "border-danger bg-danger-soft text-danger" : "border-line bg-surface",
            )}
          >
            {toast.text}
          </p>
        ))}
      </div>
    </Say>
  );
}
