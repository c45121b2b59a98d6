import { useMemo } from "react";
import Markdown, { type Components, type Options } from "react-markdown";
import remarkGfm from "remark-gfm";
import { useTranslations } from "use-intl";
import { CitationMark } from "./CitationMark";
import { citationMarks } from "./marks";
import type { Citation } from "./types";

interface AnswerTextProps {
  text: string;
  citations: Citation[];
  onOpen: (citation: Citation) => void;
}

const LINKS_ARE_TEXT: Options["urlTransform"] = () => "";

/**
 * An answer as it may be shown. It may repeat what a hostile document ordered, so nothing of it can
 * run, load or lead anywhere: raw HTML is text, a picture is its description, an address is only
 * read. What can be pressed are its citations.
 */
export function AnswerText({ text, citations, onOpen }: AnswerTextProps) {
  const t = useTranslations("answer");
  const components = useMemo<Components>(
    () => ({
      a: ({ children }) => <span className="underline decoration-dotted">{children}</span>,
      img: ({ alt }) => <span className="text-muted">[{alt || t("image")}]</span>,
      input: () => null,
      sup: ({ children, ...rest }) => {
        const number = Number((rest as { "data-citation"?: string })["data-citation"]);
        const citation = citations.find((one) => one.number === number);
        if (!number) return <sup>{children}</sup>;
        return <CitationMark number={number} citation={citation} onOpen={onOpen} />;
      },
      table: ({ children }) => (
        <div className="overflow-x-auto">
          <table className="border-collapse text-sm [&_td]:border [&_td]:border-line [&_td]:px-2 [&_th]:border [&_th]:border-line [&_th]:px-2">
            {children}
          </table>
        </div>
      ),
    }),
    [citations, onOpen, t],
  );
  return (
    <div className="grid gap-3 break-words [&_code]:rounded [&_code]:bg-sunken [&_code]:px-1 [&_li]:ml-5 [&_ol]:list-decimal [&_pre]:overflow-x-auto [&_pre]:rounded-lg [&_pre]:bg-sunken [&_pre]:p-3 [&_ul]:list-disc">
      <Markdown
        remarkPlugins={[remarkGfm]}
        rehypePlugins={[citationMarks]}
        components={components}
        urlTransform={LINKS_ARE_TEXT}
      >
        {text}
      </Markdown>
    </div>
  );
}
