//! One stretch, whole: all of its pictures in the order of time, beside the live player.

import type { ReviewItem } from "@weir/api";
import { parseWatchPath } from "@weir/player";
import { ask } from "../../api";
import { LivePlayer } from "../../watch/LivePlayer";
import { readPlayerQuery } from "../../watch/query";
import { Shown, time, useLoaded } from "../parts";
import { levels } from "../api";
import type { Verdict } from "./desk";
import { Modal } from "./Dialogs";
import { r } from "./strings";
import { Shot } from "./Tile";

interface Props {
  item: ReviewItem;
  pass: () => void;
  order: (verdict: Exclude<Verdict, "ok">) => void;
  close: () => void;
  /** How pictures are shown. */
  plain: string;
}

export function Detail({ item, pass, order, close, plain }: Props) {
  const whole = useLoaded(() => ask("review_item", { path: { id: item.id } }), [item.id]);
  const name = parseWatchPath(`/watch/${levels(item.stream)}`);
  return (
    <Modal title={item.stream} close={close} wide>
      <p class="rv-hint">{r("stretch", { from: time(item.begun_at), until: time(item.until_at) })}</p>
      {item.note && <p class="rv-note">{r("saysAgainst", { words: item.note })}</p>}
      <div class="rv-acts" role="toolbar" aria-label={r("acts")}>
        <button type="button" class="button small" data-act="ok" onClick={pass}>{r(item.kind === "appeal" ? "liftBan" : "itemOk")}</button>
        {(["warn", "end", "ban", "escalate"] as const).map((verdict) => (
          <button key={verdict} type="button" class="button small quiet" data-act={verdict} onClick={() => order(verdict)}>{r(verdict)}</button>
        ))}
      </div>
      <div class={`rv-whole${plain}`}>
        <Shown of={whole}>
          {({ shots }) => (
            <ol class="rv-strip" aria-label={r("pictures")} tabIndex={0}>
              {shots.map((shot) => (
                <li key={shot.id} data-shot={shot.id}>
                  <Shot shot={shot} />
                  <time dateTime={shot.taken_at}>{time(shot.taken_at)}</time>
                  {shot.known_as && <b class="rv-badge known">{shot.known_as}</b>}
                </li>
              ))}
            </ol>
          )}
        </Shown>
        {name && (
          <section class="rv-live" aria-label={r("livePlayer")}>
            <LivePlayer name={name} query={{ ...readPlayerQuery(""), muted: true }} keep={false} onStatus={() => {}} />
          </section>
        )}
      </div>
    </Modal>
  );
}
