//! The picture as it is sent, and what is said over it.

import { useEffect, useRef } from "preact/hooks";
import { count, duration } from "../format";
import { locale, t } from "../i18n";
import { Icon } from "../ui/icons";
import type { BroadcastState } from "./broadcast";
import type { DeskState } from "./desk";
import { Glyph, type StudioIcon } from "./icons";
import { watchLevel } from "./level";
import { SOURCES, type SourceKind } from "./settings";
import { canPlayFile, canShareScreen } from "./sources";
import { s } from "./strings";

interface Props {
  desk: DeskState;
  cast: BroadcastState;
  now_ms: number;
  onChoose: (kind: SourceKind) => void;
  onMute: (muted: boolean) => void;
  onHide: (hidden: boolean) => void;
  onAgain: () => void;
}

export const SOURCE_ICON: Record<SourceKind, StudioIcon> = { camera: "camera", screen: "screen", pattern: "pattern", file: "file" };

/** What this browser can open. */
export function sources(): SourceKind[] {
  return SOURCES.filter((kind) => (kind === "screen" ? canShareScreen() : kind === "file" ? canPlayFile() : true));
}

export function Stage(props: Props) {
  const { desk, cast } = props;
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const element = video.current;
    if (!element || element.srcObject === desk.stream) return;
    element.srcObject = desk.stream;
    if (desk.stream) element.play().catch(() => {});
  }, [desk.stream]);
  const mirrored = desk.kind === "camera" && desk.lost !== "lostCamera" && desk.lost !== "lostBoth";
  const onAir = cast.phase === "live" || cast.phase === "reconnecting";
  return (
    <div class={`st-stage${desk.stream ? "" : " empty"}`} role="region" aria-label={s("preview")}>
      <video ref={video} id="preview" class={mirrored ? "mirrored" : ""} muted playsInline autoplay hidden={!desk.stream} />
      {!desk.stream && (desk.opening ? <Opening /> : <Sources onChoose={props.onChoose} />)}
      {desk.stream && desk.hidden && <p class="st-covered"><Glyph name="cameraOff" size={40} />{s("hiddenNow")}</p>}
      {desk.stream && (
        <p class="st-badges">
          {onAir ? (
            <>
              <span class={cast.phase === "live" ? "badge live" : "badge"}>{cast.phase === "live" ? s("live") : s("stReconnecting")}</span>
              <span class="badge"><Icon name="clock" size={14} />{duration(props.now_ms - cast.live_since_ms)}</span>
              {cast.viewers !== null && <span class="badge" aria-label={s("watching", { n: cast.viewers })}><Icon name="eye" size={15} />{count(cast.viewers, locale())}</span>}
            </>
          ) : (
            <span class="badge">{s("preview")}</span>
          )}
          {mirrored && !desk.hidden && !onAir && <span class="badge faint">{s("mirrored")}</span>}
        </p>
      )}
      {desk.stream && <Bar {...props} />}
    </div>
  );
}

function Opening() {
  return (
    <div class="st-choose">
      <div class="st-spinner" />
      <p>{s("opening")}</p>
      <p class="st-hint">{s("openingHint")}</p>
    </div>
  );
}

/** The first of three clicks. */
function Sources({ onChoose }: { onChoose: (kind: SourceKind) => void }) {
  const hints = { camera: "cameraHint", screen: "screenHint", pattern: "patternHint", file: "fileHint" } as const;
  return (
    <div class="st-choose">
      <h2>{s("sourceHead")}</h2>
      <div class="st-sources">
        {sources().map((kind) => (
          <button key={kind} type="button" data-source={kind} onClick={() => onChoose(kind)}>
            <Glyph name={SOURCE_ICON[kind]} size={30} />
            <b>{s(kind)}</b>
            <small>{s(hints[kind])}</small>
          </button>
        ))}
      </div>
    </div>
  );
}

function Bar({ desk, onMute, onHide, onAgain }: Props) {
  const canHide = (desk.kind === "camera" || desk.kind === "screen") && desk.lost !== "lostCamera" && desk.lost !== "lostScreen" && desk.lost !== "lostBoth";
  return (
    <div class="st-over">
      {desk.lost && (
        <p class="st-lost" role="alert">
          <Icon name="alert" size={18} />
          <span>{s(desk.lost)}{desk.back && ` ${s("cameraBack")}`}</span>
          {(desk.back || desk.lost === "lostScreen") && <button type="button" class="plain" onClick={onAgain}>{s("useAgain")}</button>}
        </p>
      )}
      {desk.soundMissing && !desk.lost && <p class="st-lost"><Glyph name="micOff" size={18} /><span>{s("micMissing")}</span></p>}
      <div class="st-bar">
        {desk.hasSound ? (
          <Round icon={desk.muted ? "micOff" : "mic"} off={desk.muted} label={s(desk.muted ? "unmuteMic" : "muteMic")} onClick={() => onMute(!desk.muted)} />
        ) : (
          <span class="st-nosound"><Glyph name="micOff" size={18} />{s("noSound")}</span>
        )}
        {canHide && (
          <Round icon={desk.hidden ? "cameraOff" : "camera"} off={desk.hidden} label={s(desk.hidden ? "showCamera" : "hideCamera")} onClick={() => onHide(!desk.hidden)} />
        )}
        {desk.hasSound && desk.stream && <Meter stream={desk.stream} muted={desk.muted} />}
      </div>
    </div>
  );
}

function Round(props: { icon: StudioIcon; off: boolean; label: string; onClick: () => void }) {
  return (
    <button type="button" class={props.off ? "st-round off" : "st-round"} aria-label={props.label} title={props.label} onClick={props.onClick}>
      <Glyph name={props.icon} size={22} />
    </button>
  );
}

function Meter({ stream, muted }: { stream: MediaStream; muted: boolean }) {
  const meter = useRef<HTMLDivElement>(null);
  useEffect(() => watchLevel(stream, (level) => meter.current?.style.setProperty("--level", level.toFixed(3))), [stream]);
  return (
    <div class={muted ? "st-meter muted" : "st-meter"} ref={meter} role="img" aria-label={muted ? s("mutedNow") : s("level")} title={muted ? t("mute") : s("level")}>
      <i />
    </div>
  );
}
