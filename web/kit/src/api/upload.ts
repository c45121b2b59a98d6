import { spokenLanguage } from "../app/language";
import { Problem, type ProblemBody } from "./problem";
import { accessToken } from "./tokens";

/**
 * Send a form with a file, with progress; `fetch` can't tell how much of a body has gone.
 *
 * @param sent told the share that has been sent, 0 to 1
 */
export async function upload<T>(
  path: string,
  form: FormData,
  options: { sent?: (share: number) => void; signal?: AbortSignal } = {},
): Promise<T> {
  const token = await accessToken();
  return new Promise<T>((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.responseType = "json";
    if (token) request.setRequestHeader("authorization", `Bearer ${token}`);
    request.setRequestHeader("accept-language", spokenLanguage());
    request.upload.onprogress = (event) => options.sent?.(event.loaded / event.total);
    request.onload = () =>
      request.status < 400
        ? resolve(request.response as T)
        : reject(new Problem(request.status, (request.response ?? {}) as ProblemBody));
    request.onerror = () => reject(new Problem(0));
    request.onabort = () => reject(new DOMException("", "AbortError"));
    options.signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}
