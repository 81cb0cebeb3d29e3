//! How a page will look: rendered by the server, by what renders the page itself.

import type { OwnPage } from "@weir/api";
import { useEffect, useRef, useState } from "preact/hooks";
import { ask } from "../api";
import { fieldsOf, type PageTongue, type Written } from "./page";
import { k } from "./strings";

/** Typing asks the server once, not with each letter. */
const TYPING_MS = 350;

interface PreviewProps {
  /** What it is called, where there are several. */
  label?: string;
  page: Pick<OwnPage, "kind">;
  written: Pick<Written, "title" | "title_zh" | "body" | "body_zh">;
  tongue: PageTongue;
  publish_ms: number;
}

export function PagePreview({ label = k("preview"), page, written, tongue, publish_ms }: PreviewProps) {
  const [html, setHtml] = useState<string | null>(null);
  const [isOld, setIsOld] = useState(false);
  const isFirst = useRef(true);
  const fields = fieldsOf(tongue);
  // What Chinese lacks is shown in English there.
  const [title, body] = [written[fields.title] || written.title, written[fields.body] || written.body];
  useEffect(() => {
    let gone = false;
    const look = async () => {
      try {
        const seen = await ask("page_preview", { body: { kind: page.kind, title, body, language: tongue, publish_ms } });
        if (!gone) setHtml(seen.html);
        if (!gone) setIsOld(false);
      } catch {
        // What was seen stays; the button to keep it says what is wrong with it.
        if (!gone) setIsOld(true);
      }
    };
    const timer = setTimeout(() => void look(), isFirst.current ? 0 : TYPING_MS);
    isFirst.current = false;
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [page.kind, title, body, tongue, publish_ms]);
  return (
    <section class="co-preview" aria-label={label} data-preview={tongue}>
      <p class="ac-said">{label}{isOld && ` · ${k("previewOld")}`}</p>
      <Rendered html={html ?? ""} tongue={tongue} />
    </section>
  );
}

/** Markup of the server's own renderer, which runs nothing that anybody wrote. Its links open beside this page. */
function Rendered({ html, tongue }: { html: string; tongue: PageTongue }) {
  const beside = (event: MouseEvent) => {
    const link = (event.target as Element).closest("a[href]");
    if (!link) return;
    event.preventDefault();
    open((link as HTMLAnchorElement).href, "_blank", "noopener");
  };
  return <div class="rendered" lang={tongue === "zh" ? "zh-CN" : "en"} onClick={beside} dangerouslySetInnerHTML={{ __html: html }} />;
}
