import { createParser } from "eventsource-parser";
import { authorizedFetch } from "./client";
import { Problem, type ProblemBody } from "./problem";

/** One server-sent event, its data parsed. */
export interface ServerEvent<T = unknown> {
  name: string;
  data: T;
}

/**
 * The events of a call, as they come. Raises a `Problem` where the call fails or the connection
 * breaks; ends where the server ends it. Abort `signal` to leave.
 */
export async function* events<T = unknown>(
  path: string,
  init: RequestInit = {},
): AsyncGenerator<ServerEvent<T>, void> {
  const response = await authorizedFetch(new URL(path, location.origin), init);
  const arrived: ServerEvent<T>[] = [];
  const parser = createParser({
    onEvent: (event) =>
      arrived.push({ name: event.event ?? "", data: JSON.parse(event.data) as T }),
  });
  const reader = (response.body as ReadableStream<Uint8Array>)
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  try {
    for (let { done, value } = await read(reader); !done; { done, value } = await read(reader)) {
      parser.feed(value ?? "");
      yield* arrived.splice(0);
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

/**
 * The events of an answer to a question that is sent as JSON. Its `error` event, with which the
 * platform ends what broke off, is raised as the `Problem` that it is.
 */
export async function* answerEvents<T = unknown>(
  path: string,
  question: object,
  signal?: AbortSignal,
): AsyncGenerator<ServerEvent<T>, void> {
  const init = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(question),
    signal,
  };
  for await (const event of events<T>(path, init)) {
    if (event.name === "error") {
      const problem = event.data as ProblemBody;
      throw new Problem(problem.status ?? 502, problem);
    }
    yield event;
  }
}

async function read(reader: ReadableStreamDefaultReader<string>) {
  try {
    return await reader.read();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0);
  }
}
