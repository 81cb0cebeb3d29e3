//! One node in full: its curves, its load against its limits, how it is reached.

import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../ui/icons";
import { Curve } from "./Curve";
import { METRICS, topOf, type History, type Metric } from "./history";
import type { ClusterNode } from "./model";
import { Bar, METRIC_NAME, Role } from "./Nodes";
import { amount, LEAST, said, spanText } from "./numbers";
import { c } from "./strings";
import { limitKey, nodeTone, percent } from "./words";

interface Props {
  node: ClusterNode;
  history: History;
  now_ms: number;
  onClose: () => void;
}

export function Detail({ node, history, now_ms, onClose }: Props) {
  const panel = useRef<HTMLElement>(null);
  const tone = nodeTone(node);
  const limit = limitKey(node.fullness_of);
  const values = { percent: percent(node.fullness_permille), limit: limit ? c(limit) : "" };
  const full = c(limit ? "fullnessBy" : "fullness", values);
  useEffect(() => panel.current?.scrollTo(0, 0), [node.id]);
  return (
    <aside ref={panel} class="cl-card cl-detail" aria-label={node.id}>
      <div class="cl-detail-head">
        <i class={`cl-dot ${tone}`} />
        <h2>{node.id}</h2>
        <button type="button" class="plain square" aria-label={c("close")} onClick={onClose}><Icon name="close" size={18} /></button>
      </div>
      <p class="cl-roles">
        {node.roles.map((role) => <Role key={role} role={role} />)}
        <span class={`cl-role ${tone}`}>{c(tone)}</span>
        <span class="cl-isp">{[node.region, node.isp].filter(Boolean).join(" · ")}</span>
      </p>
      <div class="cl-full"><span>{full}</span><Bar permille={node.fullness_permille} label={full} /></div>
      {METRICS.map((metric) => <Plot key={metric} node={node} metric={metric} history={history} now_ms={now_ms} />)}
      <dl>
        <Fact name={c("connections")} value={withLimit(amount(node.load.connections), node.capacity.connections, amount)} />
        <Fact name={c("publishers")} value={amount(node.load.publishers)} />
        <Fact name={c("ownsLong")} value={amount(node.owns)} />
        <Fact name={c("carriesLong")} value={amount(node.carries)} />
        <Fact name={c("version")} value={node.version || "–"} />
      </dl>
      {node.addresses.length > 0 && (
        <div class="cl-addresses">
          <h3>{c("addresses")}</h3>
          <ul>
            {merged(node).map(({ url, notes }) => (
              <li key={`${url} ${notes}`}><code>{url}</code>{notes && <small class="cl-soft">{notes}</small>}</li>
            ))}
          </ul>
        </div>
      )}
    </aside>
  );
}

function Plot({ node, metric, history, now_ms }: { node: ClusterNode; metric: Metric; history: History; now_ms: number }) {
  const samples = history.of(node.id);
  const span_ms = history.span(now_ms);
  const limit = metric === "viewers" ? 0 : node.capacity[metric];
  const top = topOf(samples.map((sample) => sample[metric]), LEAST[metric]);
  const name = c(METRIC_NAME[metric]);
  // All of the CPU is what CPU is counted in.
  const shown = metric === "cpu_permille" && limit === 1000 ? 0 : limit;
  return (
    <figure class="cl-plot">
      <figcaption><span>{name}</span><b>{withLimit(said(metric, node.load[metric]), shown, (n) => said(metric, n))}</b></figcaption>
      <Curve samples={samples} metric={metric} now_ms={now_ms} span_ms={span_ms} top={top} label={c("curveOf", { metric: name, span: spanText(span_ms) })} />
    </figure>
  );
}

const withLimit = (value: string, limit: number, say: (n: number) => string) => (limit > 0 ? `${value} ${c("capacity", { n: say(limit) })}` : value);

function Fact({ name, value }: { name: string; value: string }) {
  return <div><dt>{name}</dt><dd>{value}</dd></div>;
}

/** An address for clients and nodes alike is one line. */
function merged(node: ClusterNode): { url: string; notes: string }[] {
  const lines = new Map<string, { url: string; notes: string }>();
  for (const { url, scope, isp } of [...node.addresses].sort((a, b) => (a.scope === "internal" ? 1 : 0) - (b.scope === "internal" ? 1 : 0))) {
    const key = `${url} ${isp}`;
    if (!lines.has(key)) lines.set(key, { url, notes: [scope === "internal" ? c("internal") : "", isp].filter(Boolean).join(" · ") });
  }
  return [...lines.values()];
}
