//! The page of one stream: the player, what is known of the stream, links to it elsewhere.

import type { PlayerStatus, StreamInfo, StreamName } from "@weir/player";
import { useEffect, useMemo, useState } from "preact/hooks";
import { bitrate, codecName, count, duration, rate } from "../format";
import { locale, t } from "../i18n";
import { Icon } from "../ui/icons";
import { ChatPlace } from "../watch/ChatPlace";
import { Playing } from "../watch/Playing";
import { readPlayerQuery } from "../watch/query";
import { Share } from "../watch/Share";

export function Watch({ name }: { name: StreamName }) {
  const query = useMemo(() => readPlayerQuery(location.search), []);
  const [status, setStatus] = useState<PlayerStatus | null>(null);
  const [sharing, setSharing] = useState(false);
  useEffect(() => {
    document.title = `${status?.state === "playing" ? "▶ " : ""}${name.stream} · weir`;
  }, [status?.state]);
  return (
    <main id="main" class="page watch">
      <a class="back" href="/"><Icon name="back" size={18} />{t("back")}</a>
      <Playing name={name} query={query} keep onStatus={setStatus} />
      <About name={name} status={status} onShare={() => setSharing(true)} />
      <ChatPlace stream={`${name.app}/${name.stream}`} />
      <p class="shortcuts">{t("shortcuts")}</p>
      {sharing && <Share name={name} query={query.media} onClose={() => setSharing(false)} />}
    </main>
  );
}

/** Why there is no sound, or no picture, where the publisher sends one. */
function missing(info: StreamInfo): string[] {
  const first = (kind: "audio" | "video") => info.left_out?.find((left) => left.kind === kind)?.what;
  const sound = info.audio ? undefined : first("audio");
  const picture = info.video ? undefined : first("video");
  return [
    ...(sound ? [t("soundLeftOut", { what: sound })] : []),
    ...(picture ? [t("pictureLeftOut", { what: picture })] : []),
  ];
}

function About(props: { name: StreamName; status: PlayerStatus | null; onShare: () => void }) {
  const { name, status } = props;
  const info = status?.info;
  const live = info && (status.state === "playing" || status.state === "loading");
  return (
    <div class="title">
      <div>
        <h1>{name.stream}</h1>
        <p class="facts">
          {live && <span class="badge live">{t("live")}</span>}
          <span>{name.app}</span>
          {live && (
            <>
              <span class="with-icon"><Icon name="eye" size={16} />{t("watching", { n: count(info.viewers, locale()) })}</span>
              <span class="with-icon"><Icon name="clock" size={16} />{duration(info.uptime_ms)}</span>
            </>
          )}
        </p>
        {live && (
          <p class="chips">
            {info.video && <span>{codecName(info.video.codec)}</span>}
            {info.video && <span>{info.video.width}×{info.video.height}{info.video.fps > 0 && ` · ${rate(info.video.fps)} fps`}</span>}
            {info.audio && <span>{codecName(info.audio.codec)}</span>}
            <span>{bitrate(info.bitrate_kbps)}</span>
          </p>
        )}
        {live && missing(info).map((note) => <p class="missing" key={note}>{note}</p>)}
      </div>
      <button type="button" class="button quiet" onClick={props.onShare}>
        <Icon name="share" size={18} />{t("share")}
      </button>
    </div>
  );
}
