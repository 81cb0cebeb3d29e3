//! The nodes, region by region: how each is, how full, and its curve.

import { Curve } from "./Curve";
import { METRICS, topOf, type History, type Metric } from "./history";
import { regionsOf, type ClusterNode, type ClusterState } from "./model";
import { amount, LEAST, rate, said, spanText } from "./numbers";
import { c, type ClusterKey } from "./strings";
import { FULL_PERMILLE, limitKey, nodeTone, percent, roleKey } from "./words";

interface Props {
  cluster: ClusterState;
  history: History;
  now_ms: number;
  metric: Metric;
  chosen: string | null;
  onMetric: (metric: Metric) => void;
  onChoose: (id: string | null) => void;
}

export const METRIC_NAME: Record<Metric, ClusterKey> = { out_kbps: "out", cpu_permille: "cpu", viewers: "viewers" };
/** From so many nodes on each is drawn small. */
const DENSE = 16;

export function Nodes(props: Props) {
  const { cluster, history, now_ms, metric } = props;
  const span_ms = history.span(now_ms);
  const all = cluster.nodes.flatMap((node) => history.of(node.id).map((sample) => sample[metric]));
  const top = topOf(all, LEAST[metric]);
  return (
    <section class={cluster.nodes.length > DENSE ? "cl-nodes dense" : "cl-nodes"} aria-labelledby="cl-nodes">
      <div class="cl-head">
        <h2 id="cl-nodes">{c("nodes")}</h2>
        <span class="cl-soft">{spanText(span_ms)}</span>
        <Metrics metric={metric} onMetric={props.onMetric} />
      </div>
      <div class="cl-regions" onKeyDown={walk}>
        {regionsOf(cluster.nodes).map(({ region, nodes }) => (
          <div key={region} class="cl-region" style={{ "--nodes": nodes.length }}>
            <h3>{region || c("noRegion")}<small>{c("nNodes", { n: nodes.length })}</small></h3>
            <ul>
              {nodes.map((node) => (
                <li key={node.id}>
                  <Card
                    node={node}
                    mine={node.id === cluster.me}
                    chosen={props.chosen === node.id}
                    onChoose={() => props.onChoose(props.chosen === node.id ? null : node.id)}
                  >
                    <Curve
                      samples={history.of(node.id)}
                      metric={metric}
                      now_ms={now_ms}
                      span_ms={span_ms}
                      top={top}
                      label={`${c(METRIC_NAME[metric])} ${said(metric, node.load[metric])}`}
                    />
                  </Card>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </div>
    </section>
  );
}

function Metrics({ metric, onMetric }: { metric: Metric; onMetric: (metric: Metric) => void }) {
  return (
    <fieldset class="cl-segments">
      <legend class="offscreen">{c("show")}</legend>
      {METRICS.map((one) => (
        <label key={one} class={one === metric ? "on" : ""}>
          <input class="offscreen" type="radio" name="cl-metric" checked={one === metric} onChange={() => onMetric(one)} />
          {c(METRIC_NAME[one])}
        </label>
      ))}
    </fieldset>
  );
}

interface CardProps {
  node: ClusterNode;
  mine: boolean;
  chosen: boolean;
  onChoose: () => void;
  children: preact.ComponentChildren;
}

function Card({ node, mine, chosen, onChoose, children }: CardProps) {
  const tone = nodeTone(node);
  const limit = limitKey(node.fullness_of);
  const full = limit
    ? c("fullnessBy", { percent: percent(node.fullness_permille), limit: c(limit) })
    : c("fullness", { percent: percent(node.fullness_permille) });
  return (
    <button type="button" class={`cl-node ${tone} ${node.roles[0] ?? ""}`} data-node={node.id} aria-pressed={chosen} title={`${node.id} · ${c(tone)} · ${full}`} onClick={onChoose}>
      <span class="cl-node-head">
        <i class="cl-dot" />
        <NodeName id={node.id} />
        <span class="cl-percent">{percent(node.fullness_permille)}</span>
      </span>
      <span class="cl-roles">
        {node.roles.map((role) => <Role key={role} role={role} />)}
        {mine && <span class="cl-role mine">{c("thisNode")}</span>}
        {tone !== "alive" && <span class={`cl-role ${tone}`}>{c(tone)}</span>}
        {node.isp && <span class="cl-isp">{node.isp}</span>}
      </span>
      {children}
      <Bar permille={node.fullness_permille} label={full} />
      <span class="cl-facts">
        <span>{rate(node.load.out_kbps)}</span>
        <span>{c("viewers")} {amount(node.load.viewers)}</span>
        {node.owns > 0 && <span>{c("owns", { n: amount(node.owns) })}</span>}
        {node.carries > 0 && <span>{c("carries", { n: amount(node.carries) })}</span>}
        {/* Where there is no room for it beside the name. */}
        <span class="cl-percent low" aria-hidden="true">{percent(node.fullness_permille)}</span>
      </span>
    </button>
  );
}

/** Letters at the end of a name that are never cut off: nodes differ there. */
const TAIL = 4;

function NodeName({ id }: { id: string }) {
  const at = Math.max(0, id.length - TAIL);
  return <b class="cl-node-name"><span>{id.slice(0, at)}</span><span>{id.slice(at)}</span></b>;
}

export function Role({ role }: { role: string }) {
  const key = roleKey(role);
  return <span class={`cl-role ${role}`}>{key ? c(key) : role}</span>;
}

export function Bar({ permille, label }: { permille: number; label: string }) {
  return (
    <span class={permille >= FULL_PERMILLE ? "cl-bar full" : "cl-bar"} role="img" aria-label={label}>
      <i style={{ width: `${Math.min(permille, 1000) / 10}%` }} />
    </span>
  );
}

/** Arrows go from node to node, so that fifty of them are not fifty presses of Tab. */
function walk(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const nodes = [...event.currentTarget.querySelectorAll<HTMLElement>("[data-node]")];
  const at = nodes.indexOf(document.activeElement as HTMLElement);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: nodes.length - 1 }[event.key];
  if (at < 0 || to === undefined || !nodes[to]) return;
  event.preventDefault();
  nodes[to].focus();
}
