import { Shell, SignedIn, start } from "@baukasten/kit";
import "./index.css";
import { messages } from "./messages";
import { Notes } from "./Notes";

start({
  messages,
  own: (path) => path.startsWith("/apps/notes"),
  routes: [
    {
      path: "/apps/notes/projects/:projectId",
      element: (
        <SignedIn>
          <Shell>
            <Notes />
          </Shell>
        </SignedIn>
      ),
    },
  ],
});
