import { keepPreviousData, type QueryKey, useInfiniteQuery } from "@tanstack/react-query";
import type { Page } from "./client";

interface Options<T> {
  /** In how many milliseconds to ask again, for what these rows are; false: not by itself. */
  again?: (rows: T[]) => number | false;
  /** Show the rows of the key before until this one's are there. */
  keep?: boolean;
}

/**
 * A list that comes page by page; `rows` are those that have come, undefined before the first.
 *
 * @param load answers the page at a cursor (the first without one): see `takePage`
 */
export function usePages<T>(
  queryKey: QueryKey,
  load: (cursor?: string) => Promise<Page<T>>,
  { again, keep }: Options<T> = {},
) {
  const list = useInfiniteQuery({
    queryKey,
    placeholderData: keep ? keepPreviousData : undefined,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => load(pageParam),
    getNextPageParam: (page) => page.next,
    refetchInterval: ({ state }) =>
      (again && state.data && again(state.data.pages.flatMap(({ rows }) => rows))) || false,
  });
  return { ...list, rows: list.data?.pages.flatMap(({ rows }) => rows) };
}
