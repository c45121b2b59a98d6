import createClient from "openapi-fetch";
import { spokenLanguage } from "../app/language";
import { Problem } from "./problem";
import type { paths } from "./schema";
import { accessToken, renew } from "./tokens";

/**
 * `fetch` as the signed-in user, in the language of the page. A token that was refused is renewed
 * once. Raises a `Problem` for whatever is no success, also where nothing answers.
 */
export async function authorizedFetch(input: RequestInfo | URL, init?: RequestInit) {
  const request = new Request(input, init);
  const again = request.clone();
  let response = await send(request, await accessToken());
  if (response.status === 401 && request.headers.has("authorization")) {
    const renewed = await renew();
    if (renewed) response = await send(again, renewed.value);
  }
  if (!response.ok) throw await Problem.from(response);
  return response;
}

async function send(request: Request, token: string | undefined): Promise<Response> {
  if (token) request.headers.set("authorization", `Bearer ${token}`);
  request.headers.set("accept-language", spokenLanguage());
  try {
    return await fetch(request);
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new Problem(0);
  }
}

/** Every call of the platform's OpenAPI document, typed. Use it through `take`. */
export const api = createClient<paths>({ baseUrl: location.origin, fetch: authorizedFetch });

/** The answer of a call: `await take(api.GET("/projects"))`. Failures were raised before. */
export async function take<T>(call: Promise<{ data?: T }>): Promise<T> {
  return (await call).data as T;
}

/** One page of a list, and the cursor of the next. */
export interface Page<T> {
  rows: T[];
  next?: string;
}

/** A page of a list whose next page the `Link` header names. */
export async function takePage<T>(
  call: Promise<{ data?: T[]; response: Response }>,
): Promise<Page<T>> {
  const { data, response } = await call;
  const next = response.headers.get("link")?.match(/[?&]cursor=([^&>]+)[^>]*>; rel="next"/)?.[1];
  return { rows: data ?? [], next: next && decodeURIComponent(next) };
}

/** Fetch a file as the signed-in user and hand it to the browser's downloads. */
export async function download(path: string, name?: string): Promise<void> {
  const response = await authorizedFetch(new URL(path, location.origin));
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = name ?? fileName(response.headers.get("content-disposition"));
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function fileName(disposition: string | null): string {
  const encoded = disposition?.match(/filename\*=UTF-8''([^;]+)/)?.[1];
  return encoded
    ? decodeURIComponent(encoded)
    : (disposition?.match(/filename="([^"]+)"/)?.[1] ?? "");
}
