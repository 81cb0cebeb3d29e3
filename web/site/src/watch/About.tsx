//! What is said of a stream or of a recording below its picture.

import { parseStart, type PlayerStatus, type StreamInfo, type StreamName } from "@weir/player";
import type { ComponentChildren } from "preact";
import { bitrate, codecName, count, duration, rate } from "../format";
import { locale, t } from "../i18n";
import { Icon } from "../ui/icons";
import { begunAt, missingIn, type Replay } from "./replays";
import { v } from "./strings";

interface Props {
  name: StreamName;
  status: PlayerStatus | null;
  onShare: () => void;
}

interface LiveProps extends Props {
  onReport: () => void;
}

export function LiveAbout({ name, status, onShare, onReport }: LiveProps) {
  const info = status?.info;
  const live = info && (status.state === "playing" || status.state === "loading");
  const report = live && <button type="button" class="button quiet" data-act="report" onClick={onReport}>{t("report")}</button>;
  return (
    <Title onShare={onShare} acts={report}>
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
    </Title>
  );
}

interface ReplayProps extends Props {
  /** null while it is not known. */
  replay: Replay | null;
  /** Where it goes on, as the player's `start`; null: nobody was there before. */
  from: string | null;
  onStart: () => void;
  /** null: who looks may not. */
  onCut: (() => void) | null;
}

export function ReplayAbout({ name, replay, status, from, onStart, onCut, onShare }: ReplayProps) {
  const start = parseStart(from);
  const from_ms = start && "after_ms" in start ? start.after_ms : 0;
  const isGone = status?.state === "error" && status.fault?.kind === "refused";
  return (
    <Title onShare={onShare} acts={onCut && <button type="button" class="button quiet" data-act="cut" onClick={onCut}>{v("cut")}</button>}>
      <h1>{replay?.title || name.stream}</h1>
      <p class="facts">
        <span class="badge replay">{v("replay")}</span>
        <span>{name.app}</span>
        {replay && <span>{begunAt(replay)}</span>}
        {replay && <span class="with-icon"><Icon name="clock" size={16} />{replay.state === "recording" ? v("goesOn") : duration(replay.duration_ms)}</span>}
      </p>
      {isGone && <p class="missing" role="status"><strong>{v("gone")}</strong> {v("goneHint")}</p>}
      {replay && replay.holes.length > 0 && <p class="missing">{missingIn(replay)}</p>}
      {from_ms > 0 && !isGone && (
        <p class="missing" data-from={from_ms}>
          {v("fromWhere", { time: duration(from_ms) })} <button type="button" class="plain" onClick={onStart}>{v("fromStart")}</button>
        </p>
      )}
    </Title>
  );
}

function Title({ children, acts, onShare }: { children: ComponentChildren; acts?: ComponentChildren; onShare: () => void }) {
  return (
    <div class="title">
      <div>{children}</div>
      <div class="title-acts">
        {acts}
        <button type="button" class="button quiet" data-act="share" onClick={onShare}>
          <Icon name="share" size={18} />{t("share")}
        </button>
      </div>
    </div>
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
