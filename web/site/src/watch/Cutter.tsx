//! Cuts a clip: two handles on a line that is the whole recording, a title, and then a link.

import type { WeirPlayerElement } from "@weir/player/element";
import { useEffect, useRef, useState } from "preact/hooks";
import { Field, Form } from "../account/Form";
import { duration } from "../format";
import { Copy } from "../ui/Copy";
import { Sure } from "../ui/Sure";
import "../css/account.css";
import { clipsOf, makeClip, removeClip, type Clip } from "./clips";
import { moved, pieceAround, type Piece } from "./piece";
import { replayPath, type Replay } from "./replays";
import { v } from "./strings";

/** How often the mark of where the picture is moves, ms. */
const FOLLOW_MS = 250;

interface Props {
  replay: Replay;
  player: WeirPlayerElement;
  onClose: () => void;
}

export function Cutter({ replay, player, onClose }: Props) {
  const all_ms = player.seekable?.to_ms ?? replay.duration_ms;
  const [now_ms, setNow] = useState(player.position_ms ?? 0);
  const [piece, setPiece] = useState<Piece>(() => pieceAround(player.position_ms ?? 0, all_ms));
  const [made, setMade] = useState<Clip | null>(null);
  const [clips, setClips] = useState<Clip[]>([]);
  useEffect(() => void clipsOf(replay.id).then(setClips, () => {}), [replay.id, made]);
  usePreview(player, piece, setNow);
  const set = (end: keyof Piece, to_ms: number) => setPiece((before) => moved(before, end, to_ms, all_ms));
  const drop = (end: keyof Piece) => player.seekTo(piece[end]);
  const preview = () => {
    player.seekTo(piece.from_ms);
    player.play();
  };
  const send = async (values: Record<string, string>) => {
    const from_ms = player.clockAt(piece.from_ms);
    const to_ms = player.clockAt(piece.to_ms);
    if (from_ms === null || to_ms === null) throw new Error("the clock of this recording is not known");
    setMade(await makeClip(replay.id, { from_ms: Math.round(from_ms), to_ms: Math.round(to_ms), title: values["title"]?.trim() ?? "" }));
  };
  return (
    <section class="ac-card cutter" aria-labelledby="cutter" data-cutter>
      <div class="heading">
        <h2 id="cutter">{v("cut")}</h2>
        <button type="button" class="plain" onClick={onClose}>{v("close")}</button>
      </div>
      <p class="ac-mail">{v("cutHint")}</p>
      <Line piece={piece} now_ms={now_ms} all_ms={all_ms} set={set} drop={drop} />
      <div class="cut-ends">
        {(["from_ms", "to_ms"] as const).map((end) => (
          <span key={end}>
            {v(end === "from_ms" ? "begins" : "ends")} <b data-end={end}>{duration(piece[end])}</b>
            <button type="button" class="button small quiet" aria-label={`${v(end === "from_ms" ? "begins" : "ends")}: ${v("here")}`} data-set={end} onClick={() => set(end, player.position_ms ?? 0)}>{v("here")}</button>
          </span>
        ))}
        <span>{v("clipLength", { time: duration(piece.to_ms - piece.from_ms) })}</span>
        <button type="button" class="button small quiet" onClick={preview}>{v("preview")}</button>
      </div>
      {made ? (
        <div role="status" data-clip={made.id}>
          <p>{v("clipMade")}</p>
          <Copy label={v("clipLink")} text={new URL(replayPath({ ...replay, id: made.id }), location.href).href} />
        </div>
      ) : (
        <Form what="clip" button={v("makeClip")} send={send}>
          {(wrong) => <Field name="title" label={v("clipTitle")} required={false} wrong={wrong["title"]} />}
        </Form>
      )}
      <Clips replay={replay} clips={clips} removed={(id) => setClips(clips.filter((clip) => clip.id !== id))} />
    </section>
  );
}

/** Those that were made before. */
function Clips({ replay, clips, removed }: { replay: Replay; clips: Clip[]; removed: (id: string) => void }) {
  if (clips.length === 0) return null;
  return (
    <section aria-labelledby="clips">
      <h3 id="clips">{v("clips")}</h3>
      <ul class="clips">
        {clips.map(({ id, title, from_ms, to_ms }) => (
          <li key={id} data-clip={id}>
            <a href={replayPath({ ...replay, id })}>{title || duration(to_ms - from_ms)}</a> {duration(to_ms - from_ms)}
            <Sure label={v("remove")} sure={v("removeForGood")} keep={v("keepIt")} failed={v("down")} named={title} data="remove-clip" act={() => removeClip(replay.id, id).then(() => removed(id))} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Follows the picture, and stops a preview where the clip ends. */
function usePreview(player: WeirPlayerElement, piece: Piece, seen: (now_ms: number) => void): void {
  const newest = useRef(piece);
  newest.current = piece;
  useEffect(() => {
    let before_ms = player.position_ms ?? 0;
    const timer = setInterval(() => {
      const now_ms = player.position_ms;
      if (now_ms === null) return;
      const { to_ms } = newest.current;
      const wentOver = before_ms < to_ms && now_ms >= to_ms && now_ms - before_ms < FOLLOW_MS * 5;
      if (wentOver && player.status?.paused === false) player.pause();
      before_ms = now_ms;
      seen(now_ms);
    }, FOLLOW_MS);
    return () => clearInterval(timer);
  }, [player]);
}

interface LineProps {
  piece: Piece;
  now_ms: number;
  all_ms: number;
  set: (end: keyof Piece, to_ms: number) => void;
  /** The handle was let go of. */
  drop: (end: keyof Piece) => void;
}

const STEP_MS = 1000;
const LEAP_MS = 10_000;

function Line({ piece, now_ms, all_ms, set, drop }: LineProps) {
  const line = useRef<HTMLDivElement>(null);
  const part = (ms: number) => `${(Math.min(1, Math.max(0, ms / all_ms)) * 100).toFixed(3)}%`;
  const momentOf = (event: PointerEvent) => {
    const { left, width } = line.current!.getBoundingClientRect();
    return width === 0 ? 0 : ((event.clientX - left) / width) * all_ms;
  };
  const keys = (end: keyof Piece) => (event: KeyboardEvent) => {
    const at_ms = piece[end];
    const to: Record<string, number> = {
      ArrowLeft: at_ms - STEP_MS, ArrowDown: at_ms - STEP_MS, ArrowRight: at_ms + STEP_MS, ArrowUp: at_ms + STEP_MS,
      PageDown: at_ms - LEAP_MS, PageUp: at_ms + LEAP_MS, Home: 0, End: all_ms,
    };
    const to_ms = to[event.key];
    if (to_ms === undefined) return;
    // The page's keys are the player's.
    event.preventDefault();
    event.stopPropagation();
    set(end, to_ms);
  };
  return (
    <div ref={line} class="cut-line">
      <i class="piece" style={{ left: part(piece.from_ms), width: part(piece.to_ms - piece.from_ms) }} />
      <i class="now" style={{ left: part(now_ms) }} />
      {(["from_ms", "to_ms"] as const).map((end) => (
        <span
          key={end}
          class="handle"
          role="slider"
          tabIndex={0}
          data-handle={end}
          aria-label={v(end === "from_ms" ? "begins" : "ends")}
          aria-valuemin={0}
          aria-valuemax={Math.round(all_ms / 1000)}
          aria-valuenow={Math.round(piece[end] / 1000)}
          aria-valuetext={duration(piece[end])}
          style={{ left: part(piece[end]) }}
          onKeyDown={keys(end)}
          onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
          onPointerMove={(event) => event.currentTarget.hasPointerCapture(event.pointerId) && set(end, momentOf(event))}
          onPointerUp={() => drop(end)}
        />
      ))}
    </div>
  );
}
