import { Problem } from "./problem";

/**
 * The access token, in memory alone. What outlives a page is a cookie that no script can read; it
 * is exchanged for the next access token when there is none, or the one there is gets old.
 */
interface AccessToken {
  value: string;
  until: number;
}

const EARLY_MS = 30_000;

/** Asks the platform to keep the refresh token in its cookie. */
export const IN_COOKIE = { "x-session": "cookie" } as const;

let current: AccessToken | undefined;
let renewing: Promise<AccessToken | undefined> | undefined;
const onEnd = new Set<() => void>();

export interface TokenAnswer {
  access_token: string;
  expires_in: number;
}

/** The token to show, renewed where needed; undefined where nobody is signed in. */
export async function accessToken(): Promise<string | undefined> {
  if (current && current.until - EARLY_MS > Date.now()) return current.value;
  return (await renew())?.value;
}

/** Exchange the cookie for an access token; who asks meanwhile waits for the same. */
export async function renew(): Promise<AccessToken | undefined> {
  renewing ??= exchange().finally(() => {
    renewing = undefined;
  });
  return renewing;
}

/** Go on with a token that another site's sign-in handed over; it becomes the cookie. */
export async function takeOver(handedOver: string): Promise<void> {
  await renewing?.catch(() => undefined);
  if (!(await exchange(handedOver))) throw new Problem(401);
}

export function keep(answer: TokenAnswer): AccessToken {
  current = { value: answer.access_token, until: Date.now() + answer.expires_in * 1000 };
  return current;
}

/** Nobody is signed in any more. */
export function forget(): void {
  current = undefined;
  for (const told of onEnd) told();
}

/** Be told when the session has ended; returns how to stop. */
export function whenSessionEnds(told: () => void): () => void {
  onEnd.add(told);
  return () => onEnd.delete(told);
}

async function exchange(handedOver?: string): Promise<AccessToken | undefined> {
  const body = handedOver ? JSON.stringify({ refresh_token: handedOver }) : undefined;
  const headers = { ...IN_COOKIE, ...(body && { "content-type": "application/json" }) };
  let response: Response;
  try {
    response = await fetch("/auth/refresh", { method: "POST", body, headers });
  } catch {
    throw new Problem(0);
  }
  if (response.status === 200) return keep((await response.json()) as TokenAnswer);
  if (!response.ok && response.status !== 401) throw await Problem.from(response);
  if (current) forget();
  return undefined;
}
