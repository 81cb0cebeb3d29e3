//! `/console/nodes`, the cluster live: nodes by region, who pulls from whom, streams, and what is the matter.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { fetchCluster, fetchPools, type Answer } from "../cluster/api";
import { Detail } from "../cluster/Detail";
import { Flows } from "../cluster/Flows";
import { History, type Metric } from "../cluster/history";
import type { ClusterState } from "../cluster/model";
import { Nodes } from "../cluster/Nodes";
import { clockTime } from "../cluster/numbers";
import { Pools } from "../cluster/Pools";
import { Streams } from "../cluster/Streams";
import { c } from "../cluster/strings";
import { Totals } from "../cluster/Totals";
import { noticesOf, toneOf, type Notice } from "../cluster/words";
import { t } from "../i18n";
import { Icon } from "../ui/icons";
import { usePolled } from "../ui/poll";

const POLL_MS = 1000;
const POOLS_POLL_MS = 5000;

interface PartProps {
  id: string;
  onLeave?: (denied: boolean) => void;
}

export function Cluster({ onLeave = () => {} }: PartProps) {
  return <Board onLeave={onLeave} />;
}

/** What tests read. */
function State({ state, cluster }: { state: string; cluster?: ClusterState }) {
  useEffect(() => {
    const { dataset } = document.documentElement;
    dataset["clusterState"] = state;
    dataset["clusterNodes"] = String(cluster?.nodes.length ?? 0);
  });
  return null;
}

function Board({ onLeave }: { onLeave: (denied: boolean) => void }) {
  const [after, setAfter] = useState("");
  const load = useCallback(async () => ({ at_ms: Date.now(), answer: await fetchCluster(after) }), [after]);
  const { value, failed, refresh } = usePolled<{ at_ms: number; answer: Answer }>(load, POLL_MS);
  const answer = value?.answer;
  useEffect(() => {
    if (answer?.kind === "denied") onLeave(true);
  }, [answer?.kind]);
  if (answer?.kind === "cluster") {
    return (
      <Live
        cluster={answer.cluster}
        at_ms={value!.at_ms}
        stale={failed}
        paged={after !== ""}
        onPage={setAfter}
      />
    );
  }
  const missing = answer?.kind === "missing";
  return (
    <div aria-busy={!failed && !missing}>
      <State state={missing ? "missing" : failed ? "down" : "loading"} />
      <h1>{c("title")}</h1>
      {missing || failed ? (
        <section class="message" role="alert">
          <span class="alert"><Icon name="alert" size={40} /></span>
          <h2>{c(missing ? "missing" : "down")}</h2>
          <p>{c(missing ? "missingHint" : "downHint")}</p>
          <button type="button" class="button" onClick={refresh}>{t("retry")}</button>
        </section>
      ) : (
        <div class="cl-skeleton" role="status" aria-label={c("loading")}>{[0, 1, 2, 3].map((key) => <div key={key} class="cl-card" />)}</div>
      )}
    </div>
  );
}

interface LiveProps {
  cluster: ClusterState;
  at_ms: number;
  stale: boolean;
  paged: boolean;
  onPage: (after: string) => void;
}

function Live(props: LiveProps) {
  const { cluster, at_ms, stale } = props;
  const history = useRef(new History()).current;
  const pushed = useRef(0);
  if (pushed.current !== at_ms) {
    pushed.current = at_ms;
    history.push(cluster, at_ms);
  }
  const [metric, setMetric] = useState<Metric>("out_kbps");
  const [chosen, setChosen] = useState<string | null>(null);
  const [stream, setStream] = useState<string | null>(null);
  const [query, setQuery] = useState("");
  const filter = useRef<HTMLInputElement>(null);
  const node = cluster.nodes.find((one) => one.id === chosen) ?? null;
  const choose = useCallback((id: string | null) => {
    setChosen(id);
    setStream(null);
  }, []);
  useKeys(filter, () => {
    choose(null);
    setQuery("");
  });
  const notices = noticesOf(cluster);
  const { value: pools } = usePolled(fetchPools, POOLS_POLL_MS);
  return (
    <div class={node ? "cl-part with-detail" : "cl-part"}>
      <State state={stale ? "stale" : "live"} cluster={cluster} />
      <Head cluster={cluster} notices={notices} stale={stale} at_ms={at_ms} />
      <Totals cluster={cluster} history={history} now_ms={at_ms} />
      <Nodes cluster={cluster} history={history} now_ms={at_ms} metric={metric} chosen={chosen} onMetric={setMetric} onChoose={choose} />
      {pools && <Pools pools={pools} />}
      {cluster.nodes.length > 1 && (
        <Flows cluster={cluster} node={chosen} stream={cluster.streams.find((one) => one.key === stream) ?? null} onChoose={choose} />
      )}
      <Streams
        cluster={cluster}
        query={query}
        node={node?.id ?? null}
        stream={stream}
        filter={filter}
        paged={props.paged}
        onQuery={setQuery}
        onNode={choose}
        onStream={setStream}
        onPage={props.onPage}
      />
      <p class="shortcuts">{c("keys")}</p>
      {node && <Detail node={node} history={history} now_ms={at_ms} onClose={() => choose(null)} />}
    </div>
  );
}

interface HeadProps {
  cluster: ClusterState;
  notices: Notice[];
  stale: boolean;
  at_ms: number;
}

function Head({ cluster, notices, stale, at_ms }: HeadProps) {
  return (
    <>
      <div class="heading">
        <i class={`cl-light ${stale ? "poor" : toneOf(notices)}`} />
        <h1>{c("title")}{cluster.name && <span class="cl-name">{cluster.name}</span>}</h1>
        <span class="cl-soft">{c("seenBy", { me: cluster.me })}</span>
              </div>
      <div class="cl-notices" role="status">
        {stale && <p class="cl-notice poor"><Icon name="alert" size={18} /><b>{c("stale", { time: clockTime(at_ms) })}</b></p>}
        {notices.map(({ tone, key, hint, values }) => (
          <p key={key} class={`cl-notice ${tone}`}>
            <Icon name={tone === "good" ? "check" : "alert"} size={18} />
            <span><b>{c(key, values)}</b>{hint && <> {c(hint, values)}</>}</span>
          </p>
        ))}
      </div>
    </>
  );
}

function useKeys(filter: { current: HTMLInputElement | null }, onEscape: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLInputElement && event.target.type !== "radio";
      if (event.key === "Escape") {
        onEscape();
      } else if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        filter.current?.focus();
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
}
