//! Cards that say something happened: what went wrong with its way out, how it went, the log.

import { useEffect, useRef, useState } from "preact/hooks";
import { count, duration } from "../format";
import { locale, t } from "../i18n";
import { Icon } from "../ui/icons";
import type { BroadcastState, Entry } from "./broadcast";
import { s, type StudioKey } from "./strings";
import type { Trouble, Way } from "./words";

const WAY: Record<Way, StudioKey> = {
  key: "wKey", name: "wName", retry: "wRetry", lower: "wLower", codec: "wCodec", pattern: "wPattern", camera: "wCamera",
};

export function TroubleCard(props: { trouble: Trouble; onWay: (way: Way) => void; onDismiss: () => void }) {
  const { trouble } = props;
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    button.current?.focus({ preventScroll: true });
    button.current?.closest(".st-trouble")?.scrollIntoView({ block: "nearest" });
  }, [trouble]);
  // A device refused by the browser can be asked for again.
  const again = trouble.about === "source" && trouble.way !== "camera" && trouble.title !== "dInsecure";
  return (
    <section class="st-card st-trouble" role="alert" data-code={trouble.code?.split(" ")[0] ?? trouble.title}>
      <div class="st-trouble-head">
        <Icon name="alert" size={22} />
        <h2>{s(trouble.title)}</h2>
        <button type="button" class="plain square" aria-label={s("dismiss")} onClick={props.onDismiss}><Icon name="close" size={18} /></button>
      </div>
      <p>{trouble.hint ? s(trouble.hint) : trouble.detail}</p>
      {trouble.code && <p class="st-code">{s("code", { code: trouble.code })}{trouble.hint && trouble.detail && ` · ${trouble.detail}`}</p>}
      <div class="st-ways">
        {trouble.way && <button ref={button} type="button" class="button" data-way={trouble.way} onClick={() => props.onWay(trouble.way!)}>{s(WAY[trouble.way])}</button>}
        {again && <button type="button" class="button quiet" onClick={() => props.onWay("camera")}>{s("wRetry")}</button>}
      </div>
    </section>
  );
}

export function Summary({ cast, watch }: { cast: BroadcastState; watch: string }) {
  const size = cast.sent_bytes >= 1e9 ? `${(cast.sent_bytes / 1e9).toFixed(2)} GB` : `${Math.round(cast.sent_bytes / 1e6)} MB`;
  return (
    <section class="st-card st-summary" role="status">
      <h2><Icon name="check" size={22} />{s("endedHead")}</h2>
      <p>{s("endedFacts", { time: duration(cast.time_ms), size, n: count(cast.most_viewers, locale()) })}</p>
      <p><a href={watch}>{s("watchLink")}</a> · <a href="/">{t("back")}</a></p>
    </section>
  );
}

/** What happened, newest first; the publisher's own words (English, technical) only when asked for. */
export function Log({ entries }: { entries: Entry[] }) {
  const [details, setDetails] = useState(false);
  const hidden = entries.some((entry) => entry.text);
  const shown = details ? entries : entries.filter((entry) => entry.key);
  const time = new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  return (
    <section class="st-card st-log" aria-labelledby="st-log">
      <div class="st-links-head">
        <h2 id="st-log">{s("log")}</h2>
        {hidden && <button type="button" class="plain" aria-pressed={details} onClick={() => setDetails(!details)}>{s("details")}</button>}
      </div>
      <ol>
        {shown.map((entry) => (
          <li key={entry.id} class={entry.text ? "detail" : ""} {...(entry.text ? { lang: "en" } : {})}>
            <time dateTime={entry.at.toISOString()}>{time.format(entry.at)}</time>
            <span>{entry.key ? s(entry.key, entry.values) : entry.text}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
