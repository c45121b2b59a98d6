/** What a problem document (RFC 9457) says; see `docs/reference/errors` of the platform. */
export interface ProblemBody {
  type?: string;
  title?: string;
  status?: number;
  detail?: unknown;
  hint?: string;
  /** Both in the page's language, where that is not English. */
  message?: string;
  request_id?: string;
  [key: string]: unknown;
}

/** A call that failed: the platform's problem, or none where it could not be reached. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly body: ProblemBody = {},
  ) {
    super(typeof body.detail === "string" ? body.detail : (body.title ?? `HTTP ${status}`));
    this.name = "Problem";
  }

  /** Its kind, such as `residency` or `conflict`; `offline` where nothing answered. */
  get kind(): string {
    if (this.status === 0) return "offline";
    return (
      this.body.type?.replace(/^.*\/problems\//, "") ??
      (this.status === 422 ? "validation" : "unknown")
    );
  }

  /** The literal that the contract promises, such as `LOGIN_BAD_CREDENTIALS`, if it is one. */
  get literal(): string | undefined {
    return /^[A-Z][A-Z_]+$/.test(this.message) ? this.message : undefined;
  }

  /** The platform's own sentence for people. */
  get sentence(): string {
    if (this.body.message) return this.body.message;
    if (Array.isArray(this.body.detail)) return this.body.detail.map(invalidField).join("; ");
    return [this.literal ? "" : this.message, this.body.hint ?? ""].filter(Boolean).join(" ");
  }

  /** Whether trying again may help without anybody doing anything. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status === 502 || this.status === 503;
  }

  static async from(response: Response): Promise<Problem> {
    const body: unknown = await response.json().catch(() => ({}));
    return new Problem(response.status, (body ?? {}) as ProblemBody);
  }
}

function invalidField(fault: { loc?: unknown[]; msg?: string }): string {
  return `${fault.loc?.at(-1) ?? ""}: ${fault.msg ?? ""}`;
}
