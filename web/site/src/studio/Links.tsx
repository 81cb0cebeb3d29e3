//! Where the broadcast can be watched, ready to be passed on.

import { embedPath, mediaUrl, watchPath } from "@weir/player";
import { Copy } from "../ui/Copy";
import { Icon } from "../ui/icons";
import { Glyph } from "./icons";
import { s } from "./strings";
import type { Target } from "./target";

export function Links({ target, signed }: { target: Target; signed: boolean }) {
  const watch = location.origin + watchPath(target);
  const embed = `<iframe src="${location.origin}${embedPath(target)}" width="640" height="360" allow="autoplay; fullscreen; picture-in-picture" style="border:0"></iframe>`;
  const share = typeof navigator.share === "function";
  return (
    <section class="st-card st-links" aria-labelledby="st-links">
      <div class="st-links-head">
        <h2 id="st-links">{s("links")}</h2>
        <a class="plain" href={watchPath(target)} target="_blank" rel="noopener"><Glyph name="open" size={17} />{s("openWatch")}</a>
        {share && (
          <button type="button" class="plain" onClick={() => void navigator.share({ title: target.stream, url: watch }).catch(() => {})}>
            <Icon name="share" size={17} />{s("shareLink")}
          </button>
        )}
      </div>
      {signed && <p class="st-hint">{s("signedPlay")}</p>}
      <Copy label={s("watchLink")} text={watch} />
      <details>
        <summary>FLV · HLS · {s("embed")}</summary>
        <Copy label="HTTP-FLV" text={mediaUrl(location, target, "flv")} />
        <Copy label="LL-HLS" text={mediaUrl(location, target, "hls")} />
        <Copy label={s("embed")} text={embed} />
      </details>
    </section>
  );
}
