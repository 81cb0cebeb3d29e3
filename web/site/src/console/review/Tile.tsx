//! One stretch of a stream among others: some of its pictures, what is odd about it, how long it waits.

import type { ReviewItem, ReviewPicture } from "@weir/api";
import { useEffect, useState } from "preact/hooks";
import { pictureAt } from "../../api";
import { duration } from "../../format";
import { r, type ReviewKey } from "./strings";

interface Props {
  item: ReviewItem;
  isCurrent: boolean;
  isMarked: boolean;
  mark: () => void;
  open: () => void;
}

export function Tile({ item, isCurrent, isMarked, mark, open }: Props) {
  const age = duration(item.age_ms);
  const rest = item.pictures + item.folded - item.shots.length;
  return (
    <li class={isMarked ? "marked" : undefined} data-item={item.id} data-stream={item.stream} data-kind={item.kind}>
      <button
        type="button"
        class="rv-tile"
        tabIndex={isCurrent ? 0 : -1}
        aria-pressed={isMarked}
        aria-label={[r("tile", { stream: item.stream, pictures: item.pictures, age }), ...item.marks.map((one) => r(`mark_${one}` as ReviewKey))].join(", ")}
        onClick={(event) => event.detail > 0 && mark()}
      >
        <span class={item.shots.length > 1 ? "rv-shots many" : "rv-shots"}>
          {item.shots.length === 0 && <span class="rv-none" data-words={r("soundAlone")} />}
          {item.shots.map((shot) => <Shot key={shot.id} shot={shot} />)}
        </span>
      </button>
      <div class="rv-under">
        <button type="button" class="rv-name" aria-label={r("open", { stream: item.stream })} onClick={open}>{item.stream}</button>
        <span class="rv-age">{r("waits", { age })}{rest > 0 ? ` ${r("more", { n: rest })}` : ""}</span>
        <span class="rv-badges">
          {item.kind !== "live" && <b class="rv-badge">{r(`kind_${item.kind}` as ReviewKey)}</b>}
          {item.marks.map((one) => <b key={one} class={`rv-badge ${one}`}>{r(`mark_${one}` as ReviewKey)}</b>)}
          {item.reports > 0 && <b class="rv-badge reported">{r("reported", { n: item.reports })}</b>}
        </span>
      </div>
    </li>
  );
}

/** A picture, or why there is none. Words beside it say what it is of. */
export function Shot({ shot }: { shot: Pick<ReviewPicture, "url" | "width" | "height"> }) {
  const [at, setAt] = useState("");
  useEffect(() => {
    let [gone, shown] = [false, ""];
    const show = (found: string) => {
      shown = found;
      if (gone) URL.revokeObjectURL(found);
      else setAt(found);
    };
    if (shot.url) void pictureAt(shot.url).then(show, () => {});
    return () => {
      gone = true;
      URL.revokeObjectURL(shown);
    };
  }, [shot.url]);
  if (!shot.url) return <span class="rv-none" data-words={r("undecodable")} />;
  return at ? <img class="rv-shot" src={at} alt="" width={shot.width} height={shot.height} /> : <span class="rv-none" />;
}
