/** Characters `start` to `end` of a text, counted as the platform does: in code points. */
export interface Span {
  start: number;
  end: number;
}

/** A piece of a text that is shown as one block, with the parts of it that are marked. */
export interface Block {
  text: string;
  marks: { start: number; end: number; number: number }[];
}

const BLOCK = 2_000;

/** The text in blocks of about 2,000 characters, cut at lines, with the spans marked in each. */
export function blocks(text: string, spans: readonly Span[]): Block[] {
  const marked = spans.map(({ start, end }) => ({
    start: utf16(text, start),
    end: utf16(text, end),
  }));
  return cuts(text).map(([from, to]) => ({
    text: text.slice(from, to),
    marks: marked.flatMap(({ start, end }, number) =>
      start < to && end > from
        ? [{ start: Math.max(start, from) - from, end: Math.min(end, to) - from, number }]
        : [],
    ),
  }));
}

function cuts(text: string): [number, number][] {
  const found: [number, number][] = [];
  let from = 0;
  while (from < text.length) {
    const line = text.indexOf("\n", from + BLOCK);
    const to =
      line < 0 || line > from + 4 * BLOCK ? Math.min(from + 2 * BLOCK, text.length) : line + 1;
    found.push([from, line < 0 && text.length - from < 4 * BLOCK ? text.length : to]);
    from = (found.at(-1) as [number, number])[1];
  }
  return found;
}

/** Where a code point stands in JavaScript's text, which counts those beyond 16 bits as two. */
function utf16(text: string, codePoint: number): number {
  let at = 0;
  for (let seen = 0; seen < codePoint && at < text.length; seen += 1) {
    at += (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
  }
  return at;
}
