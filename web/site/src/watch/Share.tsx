//! All addresses of the stream, or of a recording of it, ready to copy.

import { embedPath, mediaUrl, PROTOCOLS, recordingUrl, rtmpUrl, watchPath, type StreamName } from "@weir/player";
import { useLayoutEffect, useRef } from "preact/hooks";
import { duration, PROTOCOL_NAME } from "../format";
import { t } from "../i18n";
import { Copy } from "../ui/Copy";
import { Icon } from "../ui/icons";
import { useRtmp } from "../ui/rtmp";
import { replayPath } from "./replays";
import { v } from "./strings";

/** What is on screen now. */
export interface Moment {
  recording: string;
  /** For `t=`. */
  at: string;
  /** From the beginning. */
  position_ms: number;
}

interface Props {
  name: StreamName;
  query: string;
  moment: Moment | null;
  /** What is shown, where it is not what is live. */
  recording: string | null;
  onClose: () => void;
}

export function Share({ name, query, moment, recording, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
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
        <Copy label={t("thisPage")} text={location.origin + (recording === null ? watchPath(name) : replayPath({ id: recording, ...name }))} />
        {moment && <Copy label={v("thisMoment", { time: duration(moment.position_ms) })} text={location.origin + replayPath({ id: moment.recording, ...name }, moment.at)} />}
        <p>{t("embedIntro")}</p>
        <Copy label={t("embed")} text={embedSnippet(location.origin + embedPath(name) + (recording === null ? "" : `?r=${recording}`))} />
        <p>{t("linksIntro")}</p>
        {recording === null ? <LiveLinks name={name} query={query} /> : <RecordingLinks recording={recording} query={query} />}
      </div>
    </dialog>
  );
}

function RecordingLinks({ recording, query }: { recording: string; query: string }) {
  const hls = recordingUrl(location, recording, query);
  return (
    <>
      <Copy label="HLS" text={hls} />
      <Copy label="ffplay" text={`ffplay "${hls}"`} />
      <Copy label="VLC" text={`vlc "${hls}"`} />
    </>
  );
}

function LiveLinks({ name, query }: { name: StreamName; query: string }) {
  const rtmp = useRtmp();
  const flv = mediaUrl(location, name, "flv", query);
  return (
    <>
      {rtmp && <Copy label="RTMP" text={rtmpUrl(location, name, rtmp) + query} />}
      {PROTOCOLS.map((protocol) => (
        <Copy key={protocol} label={PROTOCOL_NAME[protocol]} text={mediaUrl(location, name, protocol, query)} />
      ))}
      <Copy label="ffplay" text={`ffplay -fflags nobuffer -flags low_delay "${flv}"`} />
      <Copy label="VLC" text={`vlc --network-caching=300 "${flv}"`} />
    </>
  );
}

/** Names are percent-encoded, so nothing in the address can end the attribute. */
function embedSnippet(address: string): string {
  return `<iframe src="${address}" width="640" height="360" allow="autoplay; fullscreen; picture-in-picture" style="border:0"></iframe>`;
}
