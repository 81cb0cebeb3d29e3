//! A line of text with a button that copies it.

import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { Icon } from "./icons";

const SHOWN_MS = 1600;

export function Copy({ label, text }: { label: string; text: string }) {
  const [done, setDone] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [done]);

  return (
    <div class="copy">
      <span class="copy-label">{label}</span>
      <code>
        {text.split(" ").map((word, at) => (
          <>{at > 0 && " "}<span>{word}</span></>
        ))}
      </code>
      <button
        ref={button}
        type="button"
        class={done ? "plain done" : "plain"}
        aria-label={`${done ? t("copied") : t("copy")}: ${label}`}
        onClick={async () => setDone(await copyText(text, button.current))}
      >
        <Icon name={done ? "check" : "copy"} size={18} />
        <span>{done ? t("copied") : t("copy")}</span>
      </button>
    </div>
  );
}

/** The clipboard is only there over https; the old way works on a plain LAN address too. */
async function copyText(text: string, near: HTMLElement | null): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "offscreen";
    (near?.parentElement ?? document.body).append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    near?.focus();
    return copied;
  }
}
