//! `/console/review`: pictures of live streams, and what becomes of them. The queue, what was decided, the numbers.

import { useState } from "preact/hooks";
import { ask } from "../../api";
import { duration } from "../../format";
import { Card, Shown, Table, time, useLoaded, usePages } from "../parts";
import "../../css/review.css";
import { Banks } from "./Banks";
import { Queue } from "./Queue";
import { r, type ReviewKey } from "./strings";
import { WallView } from "./WallView";

const VIEWS = ["queue", "wall", "decided", "numbers", "banks"] as const;

export function Review({ id, isAdmin }: { id: string; isAdmin: boolean }) {
  const views = VIEWS.filter((one) => isAdmin || one !== "banks");
  const view = views.find((one) => one === id) ?? "queue";
  return (
    <>
      <div class="rv-head">
        <h1>{r("review")}</h1>
        <nav aria-label={r("views")} class="rv-views">
          {views.map((one) => (
            <a key={one} href={one === "queue" ? "/console/review" : `/console/review/${one}`} aria-current={one === view ? "page" : undefined}>
              {r(one)}
            </a>
          ))}
        </nav>
      </div>
      {view === "queue" && <Queue />}
      {view === "wall" && <WallView />}
      {view === "decided" && <Decided />}
      {view === "numbers" && <Numbers />}
      {view === "banks" && <Banks />}
    </>
  );
}

function Decided() {
  const [mine, setMine] = useState(false);
  const list = usePages((query) => ask("review_list", { query: { ...query, state: "decided", mine } }), [mine]);
  return (
    <>
      <label class="rv-check"><input type="checkbox" checked={mine} onChange={() => setMine(!mine)} /> {r("mine")}</label>
      <Shown of={list}>
        {(items) => (
          <Table
            label={r("decided")}
            rows={items}
            id={(item) => item.id}
            none={r("nothing")}
            more={list.more}
            columns={[
              { label: r("when"), cell: ({ verdict }) => (verdict ? time(verdict.at) : "—") },
              { label: r("stream"), cell: ({ stream }) => <span class="co-wrap">{stream}</span> },
              { label: r("verdict"), cell: ({ verdict }) => (verdict ? r(`verdict_${verdict.verdict}` as ReviewKey) : "—") },
              { label: r("reason"), cell: ({ verdict }) => <span class="co-wrap">{verdict?.reason ?? ""}</span> },
              { label: r("who"), cell: ({ verdict }) => verdict?.by ?? "—" },
              { label: r("items"), cell: ({ kind, pictures, folded }) => `${r(`kind_${kind}` as ReviewKey)} · ${pictures + folded}` },
            ]}
          />
        )}
      </Shown>
    </>
  );
}

function Numbers() {
  const numbers = useLoaded(() => ask("review_numbers"), []);
  return (
    <Shown of={numbers}>
      {(value) => (
        <>
          <Card title={r("numbers")}>
            <dl class="co-facts">
              {([
                ["waiting", value.waiting],
                ["claimed", value.claimed],
                ["escalated", value.escalated],
                ["waitingPictures", value.pictures],
                ["oldest", value.oldest_age_ms == null ? "—" : duration(value.oldest_age_ms)],
                ["secondLooks", value.second_looks],
                ["disagree", value.disagreements],
              ] as [ReviewKey, number | string][]).map(([key, said]) => (
                <div key={key}><dt>{r(key)}</dt><dd>{said}</dd></div>
              ))}
            </dl>
          </Card>
          <Card title={r("lastHour")}>
            <Table
              label={r("lastHour")}
              rows={value.reviewers}
              id={(one) => `${one.name}${one.last_at}`}
              none={r("nothing")}
              columns={[
                { label: r("who"), cell: (one) => one.name ?? "—" },
                { label: r("items"), cell: (one) => one.items },
                { label: r("pictures"), cell: (one) => one.pictures },
                { label: r("acted"), cell: (one) => one.acted },
                { label: r("when"), cell: (one) => time(one.last_at) },
              ]}
            />
          </Card>
          {value.tests.length > 0 && (
            <Card title={r("testScores")}>
              <Table
                label={r("testScores")}
                rows={value.tests}
                id={(one) => String(one.name)}
                columns={[
                  { label: r("who"), cell: (one) => one.name ?? "—" },
                  { label: r("tests"), cell: (one) => one.shown },
                  { label: r("missed"), cell: (one) => <Share of={one.missed} all={one.shown} /> },
                  { label: r("wronged"), cell: (one) => <Share of={one.wronged} all={one.shown} /> },
                ]}
              />
            </Card>
          )}
        </>
      )}
    </Shown>
  );
}

/** A count, drawn as a part of all. */
function Share({ of, all }: { of: number; all: number }) {
  return <span class="rv-share"><meter min={0} max={Math.max(1, all)} value={of} aria-hidden="true" /> {of}</span>;
}
