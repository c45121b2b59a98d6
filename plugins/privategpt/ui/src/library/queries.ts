import { api, take } from "@baukasten/kit";
import { useQuery } from "@tanstack/react-query";

/** The project that a library is. */
export function useProject(projectId: string) {
  return useQuery({
    queryKey: ["project", projectId],
    queryFn: () =>
      take(api.GET("/projects/{project_id}", { params: { path: { project_id: projectId } } })),
  });
}

/** What is in a library: documents, passages, my conversations. */
export function useCounts(projectId: string) {
  return useQuery({
    queryKey: ["project", projectId, "counts"],
    queryFn: () =>
      take(
        api.GET("/privategpt/projects/{project_id}", {
          params: { path: { project_id: projectId } },
        }),
      ),
  });
}
