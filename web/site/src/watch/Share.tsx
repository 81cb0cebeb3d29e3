//! All addresses of the stream, ready to copy.

import { embedPath, mediaUrl, PROTOCOLS, rtmpUrl, watchPath, type StreamName } from "@weir/player";
import { useLayoutEffect, useRef } from "preact/hooks";
import { PROTOCOL_NAME } from "../format";
import { t } from "../i18n";
import { Copy } from "../ui/Copy";
import { Icon } from "../ui/icons";
import { useRtmp } from "../ui/rtmp";

export function Share({ name, query, onClose }: { name: StreamName; query: string; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const rtmp = useRtmp();
  const flv = mediaUrl(location, name, "flv", query);
  return (
    <dialog
      ref={dialog}
      class="share"
      aria-labelledby="share"
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <div class="share-body">
        <div class="share-head">
          <h2 id="share">{t("share")}</h2>
          <button type="button" class="plain square" aria-label={t("close")} onClick={() => dialog.current?.close()}>
            <Icon name="close" size={20} />
          </button>
        </div>
        <Copy label={t("thisPage")} text={location.origin + watchPath(name)} />
        <p>{t("embedIntro")}</p>
        <Copy label={t("embed")} text={embedSnippet(location.origin + embedPath(name))} />
        <p>{t("linksIntro")}</p>
        {rtmp && <Copy label="RTMP" text={rtmpUrl(location, name, rtmp) + query} />}
        {PROTOCOLS.map((protocol) => (
          <Copy key={protocol} label={PROTOCOL_NAME[protocol]} text={mediaUrl(location, name, protocol, query)} />
        ))}
        <Copy label="ffplay" text={`ffplay -fflags nobuffer -flags low_delay "${flv}"`} />
        <Copy label="VLC" text={`vlc --network-caching=300 "${flv}"`} />
      </div>
    </dialog>
  );
}

/** Names are percent-encoded, so nothing in the address can end the attribute. */
function embedSnippet(address: string): string {
  return `<iframe src="${address}" width="640" height="360" allow="autoplay; fullscreen; picture-in-picture" style="border:0"></iframe>`;
}
