import type { Element, ElementContent, Root, RootContent } from "hast";

const MARK = /\[(\d{1,3})\]/g;
const LITERAL = new Set(["code", "pre"]);

/** Turns each `[n]` of an answer's text, other than in code, into an element that names n. */
export function citationMarks() {
  return (tree: Root) => {
    tree.children = tree.children.flatMap((node) => marked(node) as RootContent[]);
  };
}

function marked(node: RootContent): (RootContent | ElementContent)[] {
  if (node.type === "element" && !LITERAL.has(node.tagName)) {
    node.children = node.children.flatMap((child) => marked(child) as ElementContent[]);
  }
  return node.type === "text" ? pieces(node.value) : [node];
}

function pieces(text: string): ElementContent[] {
  const found: ElementContent[] = [];
  let at = 0;
  for (const match of text.matchAll(MARK)) {
    if (match.index > at) found.push({ type: "text", value: text.slice(at, match.index) });
    found.push(mark(match[1] as string));
    at = match.index + match[0].length;
  }
  if (at < text.length) found.push({ type: "text", value: text.slice(at) });
  return found;
}

function mark(number: string): Element {
  return {
    type: "element",
    tagName: "sup",
    properties: { dataCitation: number },
    children: [{ type: "text", value: `[${number}]` }],
  };
}
