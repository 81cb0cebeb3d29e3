//! The page of one stream: the video, its controls, what is known of it, links to it elsewhere.

import { isProtocol, Player, type PlayerStatus, type Protocol, type StreamName } from "@weir/player";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { bitrate, codecName, count, duration, PROTOCOL_NAME, rate } from "../format";
import { locale, t } from "../i18n";
import { store } from "../store";
import { Icon } from "../ui/icons";
import { Controls } from "../watch/Controls";
import { useFullscreen, usePictureInPicture, useShortcuts } from "../watch/gestures";
import { Overlay, stateText } from "../watch/Overlay";
import { Share } from "../watch/Share";
import { StatsPanel } from "../watch/StatsPanel";

/** Controls go after this long without a movement, ms. */
const IDLE_MS = 3000;
/** A note about another protocol stays this long, ms. */
const NOTE_MS = 6000;

/** `?protocol=` is ours, every other parameter (a signature, a key) goes with the media requests. */
function readQuery(): { forced: Protocol | null; media: string } {
  const query = new URLSearchParams(location.search);
  const wanted = query.get("protocol");
  query.delete("protocol");
  const rest = query.toString();
  return { forced: isProtocol(wanted) ? wanted : null, media: rest ? `?${rest}` : "" };
}

export function Watch({ name }: { name: StreamName }) {
  const stage = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const player = useRef<Player | null>(null);
  const [status, setStatus] = useState<PlayerStatus | null>(null);
  const [choice, setChoice] = useState<Protocol | null>(null);
  const [showStats, setShowStats] = useState(store.stats());
  const [sharing, setSharing] = useState(false);
  const { idle, wake } = useIdle();
  const note = useSwitchNote(status);
  const media = useRef("");

  useEffect(() => {
    const { forced, media: query } = readQuery();
    media.current = query;
    const protocol = forced ?? store.protocol();
    setChoice(protocol);
    const made = new Player({
      video: video.current!,
      name,
      origin: location,
      query,
      protocol,
      volume: store.volume(),
      muted: store.muted(),
      onStatus: setStatus,
    });
    player.current = made;
    return () => made.destroy();
  }, []);

  useEffect(() => {
    const { dataset } = document.documentElement;
    dataset["playerState"] = status?.state ?? "loading";
    if (status?.protocol) dataset["protocol"] = status.protocol;
    document.title = `${status?.state === "playing" ? "▶ " : ""}${name.stream} · weir`;
  }, [status?.state, status?.protocol]);

  const choose = useCallback((protocol: Protocol | null) => {
    const url = new URL(location.href);
    url.searchParams.delete("protocol");
    history.replaceState(null, "", url);
    store.setProtocol(protocol);
    setChoice(protocol);
    player.current?.setProtocol(protocol);
  }, []);
  const toggleStats = useCallback(() => setShowStats((shown) => (store.setStats(!shown), !shown)), []);
  const setMuted = useCallback((muted: boolean) => {
    store.setMuted(muted);
    player.current?.setMuted(muted);
  }, []);
  const setVolume = useCallback((volume: number) => {
    store.setVolume(volume);
    player.current?.setVolume(volume);
    if (volume > 0 && video.current?.muted) setMuted(false);
  }, []);
  const fullscreen = useFullscreen(stage, video);
  const pip = usePictureInPicture(video);
  useShortcuts({ player, video, setMuted, setVolume, toggleStats, fullscreen: fullscreen.toggle, pip: pip.toggle });

  const state = status?.state ?? "loading";
  const hidden = idle && state === "playing" && !status?.paused;
  return (
    <main id="main" class="page watch">
      <a class="back" href="/"><Icon name="back" size={18} />{t("back")}</a>
      <div
        ref={stage}
        class={`stage${hidden ? " idle" : ""}`}
        role="region"
        aria-label={t("player")}
        onPointerMove={wake}
        onPointerDown={wake}
        onFocusIn={wake}
      >
        <video
          id="video"
          ref={video}
          playsInline
          tabIndex={-1}
          aria-label={name.stream}
          onClick={() => matchMedia("(hover: hover)").matches && player.current?.togglePlay()}
          onDblClick={fullscreen.toggle}
        />
        {status?.info && !status.info.video && state === "playing" && <div class="audio-only">{t("audioOnly")}</div>}
        <Overlay status={status} player={player} onSound={() => setMuted(false)} />
        {note && <p class="note">{note}</p>}
        {showStats && <StatsPanel player={player} onClose={toggleStats} />}
        <Controls
          status={status}
          player={player}
          choice={choice}
          onChoose={choose}
          setMuted={setMuted}
          setVolume={setVolume}
          showStats={showStats}
          toggleStats={toggleStats}
          onShare={() => setSharing(true)}
          fullscreen={fullscreen}
          pip={pip}
        />
      </div>
      <p class="offscreen" role="status" aria-live="polite">{stateText(status)}</p>
      <About name={name} status={status} onShare={() => setSharing(true)} />
      <p class="shortcuts">{t("shortcuts")}</p>
      {sharing && <Share name={name} query={media.current} onClose={() => setSharing(false)} />}
    </main>
  );
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
      </div>
      <button type="button" class="button quiet" onClick={props.onShare}>
        <Icon name="share" size={18} />{t("share")}
      </button>
    </div>
  );
}

function useIdle(): { idle: boolean; wake: () => void } {
  const [idle, setIdle] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const wake = useCallback(() => {
    setIdle(false);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setIdle(true), IDLE_MS);
  }, []);
  useEffect(() => {
    wake();
    return () => clearTimeout(timer.current);
  }, []);
  return { idle, wake };
}

/** Says for a while that the player left a protocol by itself. */
function useSwitchNote(status: PlayerStatus | null): string | null {
  const [shown, setShown] = useState(false);
  const from = status?.switchedFrom ?? null;
  const to = status?.protocol ?? null;
  const switched = from !== null && to !== null && from !== to && status?.state === "playing";
  useEffect(() => {
    if (!switched) return;
    setShown(true);
    const timer = setTimeout(() => setShown(false), NOTE_MS);
    return () => clearTimeout(timer);
  }, [switched, from, to]);
  return shown && from && to ? t("switched", { from: PROTOCOL_NAME[from], to: PROTOCOL_NAME[to] }) : null;
}
