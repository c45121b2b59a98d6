import { useSyncExternalStore } from "react";
import { events } from "../api/events";
import { Problem } from "../api/problem";
import type { components } from "../api/schema";
import { upload } from "../api/upload";

export type DocumentRow = components["schemas"]["DocumentOut"];

export type UploadState =
  | "waiting"
  | "sending"
  | "offline"
  | "processing"
  | "ready"
  | "failed"
  | "duplicate";

/** A document's progress, as `GET /documents/{id}/events` tells it. */
export interface Progress {
  status: string;
  error: string | null;
  pages: number;
  pages_done: number;
  chunks_done: number;
  chunks_total: number | null;
}

/** A file on its way to being searchable. */
export interface Upload {
  id: number;
  name: string;
  state: UploadState;
  /** The share that was sent, 0 to 1. */
  sent: number;
  progress?: Progress;
  documentId?: string;
  problem?: unknown;
}

const AT_ONCE = 3;
const PAUSES_MS = [1_000, 2_000, 5_000, 10_000];
const OVER: UploadState[] = ["ready", "failed", "duplicate"];

/** Whether nothing more will come of it. */
export const isOver = ({ state }: Upload) => OVER.includes(state);

/** The uploads of one project. They live as long as the page, whichever part of it is shown. */
class Uploads {
  private list: Upload[] = [];
  private files = new Map<number, File>();
  private listeners = new Set<() => void>();
  private running = 0;
  private last = 0;

  constructor(private readonly projectId: string) {
    addEventListener("online", () => this.goOn());
    addEventListener("beforeunload", (event) => {
      if (this.list.some(({ state }) => state === "sending" || state === "waiting")) {
        event.preventDefault();
      }
    });
  }

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  snapshot = () => this.list;

  add = (files: Iterable<File>) => {
    const added = [...files].map((file) => {
      this.last += 1;
      this.files.set(this.last, file);
      return { id: this.last, name: file.name, state: "waiting", sent: 0 } satisfies Upload;
    });
    this.publish([...this.list, ...added]);
    this.next();
  };

  retry = (id: number) => {
    this.change(id, { state: "waiting", sent: 0, problem: undefined });
    this.next();
  };

  dismissDone = () => this.publish(this.list.filter((one) => !isOver(one)));

  private goOn() {
    for (const { id, state } of this.list) if (state === "offline") this.retry(id);
  }

  private next() {
    while (this.running < AT_ONCE) {
      const waiting = this.list.find(({ state }) => state === "waiting");
      if (!waiting) return;
      this.running += 1;
      this.change(waiting.id, { state: "sending" });
      void this.send(waiting.id).finally(() => {
        this.running -= 1;
        this.next();
      });
    }
  }

  private async send(id: number) {
    const form = new FormData();
    form.set("project_id", this.projectId);
    form.set("file", this.files.get(id) as File);
    try {
      const document = await upload<DocumentRow>("/documents/upload", form, {
        sent: (share) => this.change(id, { sent: share }),
      });
      this.files.delete(id);
      this.change(id, { state: "processing", sent: 1, documentId: document.id });
      void this.follow(id, document.id);
    } catch (error) {
      const failed = failure(error);
      this.change(id, failed);
      // What waits for the connection goes on when the browser says that it is back; where it
      // never noticed, after a pause.
      if (failed.state === "offline") setTimeout(() => this.goOn(), PAUSES_MS[2]);
    }
  }

  /** Tell how far the document is, through breaks of the connection, until it is over. */
  private async follow(id: number, documentId: string) {
    for (let breaks = 0; ; breaks += 1) {
      try {
        for await (const { data } of events<Progress>(`/documents/${documentId}/events`)) {
          breaks = 0;
          this.change(id, { progress: data });
          if (data.status === "ready") return this.change(id, { state: "ready" });
          if (data.status === "failed") return this.change(id, { state: "failed" });
        }
      } catch (error) {
        if (error instanceof Problem && !error.passing) {
          return this.change(id, { state: "failed", problem: error });
        }
      }
      await new Promise((done) => setTimeout(done, PAUSES_MS[Math.min(breaks, 3)]));
    }
  }

  private change(id: number, values: Partial<Upload>) {
    this.publish(this.list.map((one) => (one.id === id ? { ...one, ...values } : one)));
  }

  private publish(list: Upload[]) {
    this.list = list;
    for (const listener of this.listeners) listener();
  }
}

function failure(error: unknown): Pick<Upload, "state" | "problem" | "documentId"> {
  if (!(error instanceof Problem)) return { state: "failed", problem: error };
  if (error.status === 0) return { state: "offline" };
  if (error.status === 409) {
    return { state: "duplicate", problem: error, documentId: String(error.body.document_id ?? "") };
  }
  return { state: "failed", problem: error };
}

const projects = new Map<string, Uploads>();

function uploadsOf(projectId: string): Uploads {
  const found = projects.get(projectId) ?? new Uploads(projectId);
  projects.set(projectId, found);
  return found;
}

/** The uploads of a project, and how to add to them. */
export function useUploads(projectId: string) {
  const uploads = uploadsOf(projectId);
  const list = useSyncExternalStore(uploads.subscribe, uploads.snapshot);
  return { list, add: uploads.add, retry: uploads.retry, dismissDone: uploads.dismissDone };
}
