import { api, takePage } from "../api/client";
import { usePages } from "../api/pages";

const PAGE = 50;

/** The tenant's projects, newest change first. */
export function useProjects() {
  return usePages(["projects", "all"], (cursor) =>
    takePage(api.GET("/projects", { params: { query: { limit: PAGE, cursor } } })),
  );
}
