import { Shell, SignedIn, start } from "@baukasten/kit";
import { Outlet } from "react-router";
import "./index.css";
import { Chat } from "./chat/Chat";
import { Libraries } from "./library/Libraries";
import { Library } from "./library/Library";
import { messages } from "./messages";

const page = (wide: boolean) => (
  <SignedIn>
    <Shell wide={wide}>
      <Outlet />
    </Shell>
  </SignedIn>
);

start({
  messages,
  own: (path) => path.startsWith("/apps/privategpt"),
  routes: [
    {
      element: page(false),
      children: [
        { path: "/apps/privategpt", element: <Libraries /> },
        { path: "/apps/privategpt/projects/:projectId", element: <Library /> },
      ],
    },
    {
      element: page(true),
      children: [
        { path: "/apps/privategpt/projects/:projectId/conversations", element: <Chat /> },
        {
          path: "/apps/privategpt/projects/:projectId/conversations/:conversationId",
          element: <Chat />,
        },
      ],
    },
  ],
});
