//! The streams: who owns each, who pulls it, as a row of dots, one for each node.

import type { Ref } from "preact";
import { memo } from "preact/compat";
import { useMemo } from "preact/hooks";
import { filterStreams, regionsOf, watchUrl, type ClusterNode, type ClusterState, type StreamRow } from "./model";
import { amount, clockTime } from "./numbers";
import { c } from "./strings";

interface Props {
  cluster: ClusterState;
  query: string;
  node: string | null;
  stream: string | null;
  filter: Ref<HTMLInputElement>;
  /** Whether this is not the first page, and whether there is a next one. */
  paged: boolean;
  onQuery: (query: string) => void;
  onNode: (id: string | null) => void;
  onStream: (key: string | null) => void;
  onPage: (after: string) => void;
}

/** Up to so many nodes are named; of more there are dots and a number. */
const NAMED = 3;

export function Streams(props: Props) {
  const { cluster, query, node } = props;
  const shown = useMemo(() => filterStreams(cluster.streams, query, node), [cluster.streams, query, node]);
  const places = useMemo(() => placesOf(cluster.nodes), [cluster.nodes.map((one) => one.id).join()]);
  return (
    <section class="cl-card cl-streams" aria-labelledby="cl-streams">
      <div class="cl-head">
        <h2 id="cl-streams">{c("streams")}</h2>
        <span class="cl-soft">{shown.length === cluster.streams_total ? amount(shown.length) : c("shownOf", { n: amount(shown.length), total: amount(cluster.streams_total) })}</span>
        {node && <button type="button" class="plain cl-only" onClick={() => props.onNode(null)}>{c("onlyOf", { node })} ✕</button>}
        <input
          ref={props.filter}
          class="cl-filter"
          type="search"
          placeholder={c("filter")}
          aria-label={c("filter")}
          value={query}
          onInput={(event) => props.onQuery(event.currentTarget.value)}
        />
      </div>
      {shown.length === 0 ? (
        <p class="cl-none cl-soft">{c(cluster.streams.length === 0 ? "noStreams" : "noStreamsMatch")}</p>
      ) : (
        <div class="cl-table" role="table" aria-labelledby="cl-streams">
          <div class="cl-row cl-row-head" role="row">
            <span role="columnheader">{c("stream")}</span>
            <span role="columnheader">{c("owner")}</span>
            <span role="columnheader">{c("carriedBy")}</span>
          </div>
          {shown.map((stream) => (
            <Row
              key={stream.key}
              stream={stream}
              mark={`${stream.owner} ${stream.epoch} ${stream.carriers.join()}`}
              url={watchUrl(stream, cluster.nodes)}
              places={places}
              node={node}
              chosen={props.stream === stream.key}
              onStream={props.onStream}
              language={document.documentElement.lang}
            />
          ))}
        </div>
      )}
      {(props.paged || cluster.next) && (
        <div class="cl-pages">
          {props.paged && <button type="button" class="plain" onClick={() => props.onPage("")}>{c("firstPage")}</button>}
          {cluster.next && <button type="button" class="plain" onClick={() => props.onPage(cluster.next)}>{c("nextPage")}</button>}
        </div>
      )}
    </section>
  );
}

interface RowProps {
  stream: StreamRow;
  /** Changes when the row does: answers bring new objects each second. */
  mark: string;
  url: string | null;
  places: Places;
  node: string | null;
  chosen: boolean;
  onStream: (key: string | null) => void;
  language: string;
}

const Row = memo(
  function Row({ stream, url, places, node, chosen, onStream }: RowProps) {
    const { carriers } = stream;
    const names = carriers.length > NAMED ? c("nNodes", { n: carriers.length }) : carriers.join(", ");
    return (
      <div class={chosen ? "cl-row chosen" : "cl-row"} role="row" data-stream={stream.key} data-pulled={carriers.length} onClick={() => onStream(chosen ? null : stream.key)}>
        <span role="cell" class="cl-key" title={`${stream.key}\n${c("since", { time: clockTime(stream.since_ms) })}`}>
          {url ? <a href={url} target="_blank" rel="noreferrer" aria-label={c("watch", { name: stream.key })} onClick={(event) => event.stopPropagation()}>{stream.key}</a> : stream.key}
        </span>
        <span role="cell" class="cl-owner">{stream.owner}</span>
        <span role="cell" class="cl-carriers">
          <Strip stream={stream} places={places} node={node} />
          <span class={carriers.length === 0 ? "cl-soft" : ""} title={carriers.join(", ")}>{carriers.length === 0 ? c("nobody") : names}</span>
        </span>
      </div>
    );
  },
  (old, now) =>
    old.mark === now.mark && old.url === now.url && old.places === now.places && old.node === now.node && old.chosen === now.chosen && old.language === now.language,
);

interface Places {
  width: number;
  at: Map<string, number>;
}

const [STEP, REGION_GAP, STRIP_HEIGHT] = [8, 6, 14];

/** A place on the strip for each node, the regions apart. */
function placesOf(nodes: readonly ClusterNode[]): Places {
  const at = new Map<string, number>();
  let x = STEP / 2;
  for (const region of regionsOf(nodes)) {
    for (const node of region.nodes) {
      at.set(node.id, x);
      x += STEP;
    }
    x += REGION_GAP;
  }
  return { width: Math.max(0, x - REGION_GAP), at };
}

function Strip({ stream, places, node }: { stream: StreamRow; places: Places; node: string | null }) {
  const y = STRIP_HEIGHT / 2;
  const dot = (x: number, r: number) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;
  const carriers = new Set(stream.carriers);
  let [idle, pulls, owns] = ["", "", ""];
  for (const [id, x] of places.at) {
    if (id === stream.owner) owns += dot(x, 3.4);
    else if (carriers.has(id)) pulls += dot(x, 3);
    else idle += dot(x, 1.2);
  }
  const mine = node === null ? undefined : places.at.get(node);
  return (
    <svg class="cl-strip" width={places.width} height={STRIP_HEIGHT} viewBox={`0 0 ${places.width} ${STRIP_HEIGHT}`} aria-hidden="true">
      {mine !== undefined && <rect class="mine" x={mine - STEP / 2} y="0" width={STEP} height={STRIP_HEIGHT} rx="2" />}
      <path class="idle" d={idle} />
      <path class="pulls" d={pulls} />
      <path class="owns" d={owns} />
    </svg>
  );
}
