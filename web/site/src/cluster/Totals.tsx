//! The cluster in four numbers, two of them with their curve.

import type { ComponentChildren } from "preact";
import { Curve } from "./Curve";
import { TOTAL, topOf, type History, type Metric } from "./history";
import type { ClusterState } from "./model";
import { amount, LEAST, said, spanText } from "./numbers";
import { c } from "./strings";
import { percent } from "./words";

interface Props {
  cluster: ClusterState;
  history: History;
  now_ms: number;
}

export function Totals({ cluster, history, now_ms }: Props) {
  const { nodes } = cluster;
  const late = nodes.filter((node) => node.late).length;
  const draining = nodes.filter((node) => node.draining).length;
  const health = [late > 0 && c("nLateShort", { n: late }), draining > 0 && c("nDrainingShort", { n: draining })].filter(Boolean);
  const cpu = nodes.reduce((sum, node) => sum + node.load.cpu_permille, 0) / (nodes.length || 1);
  const publishers = nodes.reduce((sum, node) => sum + node.load.publishers, 0);
  const pulls = cluster.streams.reduce((sum, stream) => sum + stream.carriers.length, 0);
  const curveOf = (metric: Metric) => {
    const samples = history.of(TOTAL);
    const span_ms = history.span(now_ms);
    const top = topOf(samples.map((sample) => sample[metric]), LEAST[metric]);
    const label = c("curveOf", { metric: c(metric === "viewers" ? "viewers" : "out"), span: spanText(span_ms) });
    return <Curve samples={samples} metric={metric} now_ms={now_ms} span_ms={span_ms} top={top} label={label} />;
  };
  return (
    <ul class="cl-totals">
      <Total name={c("nodes")} value={amount(nodes.length)} more={health.length > 0 ? health.join(" · ") : c("allAlive")} />
      <Total name={c("streams")} value={amount(cluster.streams_total)} more={c("pullsShort", { n: amount(pulls) })} />
      <Total name={c("viewers")} value={amount(sum(cluster, "viewers"))} more={`${c("publishers")} ${amount(publishers)}`}>{curveOf("viewers")}</Total>
      <Total name={c("out")} value={said("out_kbps", sum(cluster, "out_kbps"))} more={c("averageCpu", { cpu: percent(cpu) })}>{curveOf("out_kbps")}</Total>
    </ul>
  );
}

const sum = (cluster: ClusterState, metric: Metric) => cluster.nodes.reduce((all, node) => all + node.load[metric], 0);

function Total({ name, value, more, children }: { name: string; value: string; more: string; children?: ComponentChildren }) {
  return (
    <li class="cl-card cl-total">
      <span class="cl-soft">{name}</span>
      <b>{value}</b>
      <small class="cl-soft">{more}</small>
      {children}
    </li>
  );
}
