import { createContext, type ReactNode, useContext } from "react";
import { Link } from "react-router";

/** Which pages this application serves itself; the others are loaded by the browser. */
export const Pages = createContext<(path: string) => boolean>(() => true);

interface GoProps {
  to: string;
  className?: string;
  "aria-current"?: "page";
  children: ReactNode;
}

/** A link to any page of the installation, in this application or another. */
export function Go({ to, ...rest }: GoProps) {
  const own = useContext(Pages);
  return own(to) ? <Link to={to} {...rest} /> : <a href={to} {...rest} />;
}
