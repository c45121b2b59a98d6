import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createBrowserRouter, type RouteObject } from "react-router";
import { RouterProvider } from "react-router/dom";
import type { Messages } from "use-intl";
import type { Catalogues } from "../messages";
import { Loading } from "../ui/states";
import { Boundary } from "./Boundary";
import { KitProvider } from "./KitProvider";
import { Pages } from "./links";

interface Start {
  routes: RouteObject[];
  messages: Catalogues<Omit<Messages, "kit">>;
  /** Which paths of the installation are pages of this application. */
  own: (path: string) => boolean;
}

/** Show an application's pages in `#root`. Paths are whole, as the address bar shows them. */
export function start({ routes, messages, own }: Start): void {
  const router = createBrowserRouter([
    { errorElement: <Boundary />, hydrateFallbackElement: <Loading />, children: routes },
  ]);
  createRoot(document.getElementById("root") as HTMLElement).render(
    <StrictMode>
      <KitProvider messages={messages}>
        <Pages value={own}>
          <RouterProvider router={router} />
        </Pages>
      </KitProvider>
    </StrictMode>,
  );
}
