//! The page of one stream: the player, what is known of the stream, links to it elsewhere, and what of it was before.
//! When a broadcast is over this is the page of its replay; `?r=` names another one.

import type { PlayerStatus, StreamName } from "@weir/player";
import type { WeirPlayerElement } from "@weir/player/element";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { Icon } from "../ui/icons";
import { LiveAbout, ReplayAbout } from "../watch/About";
import { ChatPlace } from "../watch/ChatPlace";
import { mayCut } from "../watch/clips";
import type { Cutter } from "../watch/Cutter";
import { Playing } from "../watch/Playing";
import { readPlayerQuery } from "../watch/query";
import type { Report } from "../watch/Report";
import { atOf, keepPlace, placeIn, replayPath, type Replay } from "../watch/replays";
import { Replays } from "../watch/Replays";
import { Share, type Moment } from "../watch/Share";
import { v } from "../watch/strings";
import { useIsLive, useReplays } from "../watch/useReplays";

/** The place in a recording is kept this often, ms. */
const KEEP_MS = 5000;

export function Watch({ name }: { name: StreamName }) {
  const query = useMemo(() => readPlayerQuery(location.search), []);
  const [recording, setRecording] = useState(query.recording);
  const [status, setStatus] = useState<PlayerStatus | null>(null);
  const [sharing, setSharing] = useState<{ moment: Moment | null } | null>(null);
  const [reporting, setReporting] = useState<{ Report: typeof Report } | null>(null);
  const [start, setStart] = useState(() => query.start ?? startOf(query.recording));
  const player = useRef<WeirPlayerElement | null>(null);
  const isOver = status?.state === "offline" || status?.state === "waiting";
  const replays = useReplays(name, recording !== null || isOver);
  const shown = replays.find(({ id }) => id === recording) ?? null;
  const offered = recording === null ? (replays[0]?.id ?? null) : null;
  const cutter = useCutter(shown, query.cuts);
  usePlaceKept(player, recording);
  useEffect(() => {
    document.title = `${status?.state === "playing" ? "▶ " : ""}${shown?.title || name.stream} · weir`;
  }, [status?.state, shown?.title]);
  const again = () => {
    const next = replays[0];
    if (!next) return;
    history.replaceState(null, "", replayPath(next));
    setStart("0");
    setRecording(next.id);
  };
  const share = () => setSharing({ moment: momentOf(player.current, recording, replays) });
  return (
    <main id="main" class="page watch">
      <a class="back" href="/"><Icon name="back" size={18} />{t("back")}</a>
      <Playing
        key={recording ?? "live"}
        name={name}
        query={query}
        keep
        recording={recording}
        start={start}
        again={offered}
        onStatus={setStatus}
        onAgain={again}
        onElement={(element) => (player.current = element)}
      />
      {recording === null ? (
        <LiveAbout name={name} status={status} onShare={share} onReport={() => void import("../watch/Report").then(setReporting)} />
      ) : (
        <ReplayAbout name={name} replay={shown} status={status} from={query.start ? null : start} onStart={() => player.current?.seekTo(0)} onCut={cutter.open} onShare={share} />
      )}
      {cutter.Part && shown && player.current && <cutter.Part replay={shown} player={player.current} onClose={cutter.close} />}
      {recording !== null && <LiveAgain name={name} />}
      {recording === null && <ChatPlace stream={`${name.app}/${name.stream}`} />}
      <p class="shortcuts">{t("shortcuts")}</p>
      <Replays all={replays} shown={recording} />
      {sharing && <Share name={name} query={query.media} moment={sharing.moment} recording={recording} onClose={() => setSharing(null)} />}
      {reporting && <reporting.Report name={name} onClose={() => setReporting(null)} />}
    </main>
  );
}

/** What cuts clips, for who may; loaded when it is opened. */
function useCutter(replay: Replay | null, isWanted: boolean) {
  const [may, setMay] = useState(false);
  const [loaded, setLoaded] = useState<{ Part: typeof Cutter } | null>(null);
  const id = replay?.id ?? null;
  useEffect(() => {
    setMay(false);
    if (id !== null) void mayCut(id).then(setMay);
  }, [id]);
  const open = () => void import("../watch/Cutter").then((part) => setLoaded({ Part: part.Cutter }));
  useEffect(() => void (may && isWanted && open()), [may]);
  return { Part: may ? (loaded?.Part ?? null) : null, open: may && !loaded ? open : null, close: () => setLoaded(null) };
}

/** Where one was in it. */
function startOf(recording: string | null): string | null {
  const place_ms = recording === null ? null : placeIn(recording);
  return place_ms === null ? null : atOf(place_ms);
}

function usePlaceKept(player: { current: WeirPlayerElement | null }, recording: string | null): void {
  useEffect(() => {
    if (recording === null) return;
    const keep = () => {
      const course = player.current?.course;
      if (course && player.current?.status?.kind === "recording") keepPlace(recording, course.position_ms, course.to_ms);
    };
    const timer = setInterval(keep, KEEP_MS);
    addEventListener("pagehide", keep);
    return () => {
      clearInterval(timer);
      removeEventListener("pagehide", keep);
    };
  }, [recording]);
}

/** What is on screen now as an address: a place in a recording, or a time of the clock in the one that goes on. */
function momentOf(player: WeirPlayerElement | null, recording: string | null, replays: { id: string; state: string }[]): Moment | null {
  const course = player?.course;
  if (!course) return null;
  if (recording !== null) return { recording, at: atOf(course.position_ms), position_ms: course.position_ms };
  const growing = replays.find(({ state }) => state === "recording");
  return growing ? { recording: growing.id, at: String(Math.floor(course.position_ms)), position_ms: course.position_ms - course.from_ms } : null;
}

/** On the page of a recording: that the stream is live. */
function LiveAgain({ name }: { name: StreamName }) {
  if (!useIsLive(name)) return null;
  return (
    <p class="live-again" role="status">
      <span class="badge live">{t("live")}</span>{v("liveAgain")}
      <a class="button small" href={location.pathname}>{v("watchLive")}</a>
    </p>
  );
}
