//! `/console/review`: pictures of live streams, and what becomes of them. The queue, what was decided, the numbers.

import { useState } from "preact/hooks";
import { ask } from "../../api";
import { duration } from "../../format";
import { Card, Shown, Table, time, useLoaded, usePages } from "../parts";
import "../../css/review.css";
import { Queue } from "./Queue";
import { r, type ReviewKey } from "./strings";

const VIEWS = ["queue", "decided", "numbers"] as const;

export function Review({ id }: { id: string }) {
  const view = VIEWS.find((one) => one === id) ?? "queue";
  return (
    <>
      <div class="rv-head">
        <h1>{r("review")}</h1>
        <nav aria-label={r("views")} class="rv-views">
          {VIEWS.map((one) => (
            <a key={one} href={one === "queue" ? "/console/review" : `/console/review/${one}`} aria-current={one === view ? "page" : undefined}>
              {r(one)}
            </a>
          ))}
        </nav>
      </div>
      {view === "queue" && <Queue />}
      {view === "decided" && <Decided />}
      {view === "numbers" && <Numbers />}
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
        </>
      )}
    </Shown>
  );
}
