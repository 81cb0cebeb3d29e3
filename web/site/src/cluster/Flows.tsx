//! The picture of who pulls from whom.

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { flowsOf, layFlows, shorten, type Spot } from "./flows";
import { parentsOf, type ClusterNode, type ClusterState, type StreamRow } from "./model";
import { amount } from "./numbers";
import { c } from "./strings";
import { nodeTone } from "./words";

interface Props {
  cluster: ClusterState;
  /** Whose lines stand out. */
  node: string | null;
  stream: StreamRow | null;
  onChoose: (id: string | null) => void;
}

/** Lines that may move; more would be a storm, and work. */
const MAX_MOVING = 30;
/** Owners side by side are far apart in hue; with an eighth it begins again. */
const TINTS = [190, 262, 32, 150, 330, 215, 60].map((hue) => `hsl(${hue} 62% var(--depth))`);
/** Of the text in a spot, about. */
const CHAR_PX = 7.6;

export function Flows({ cluster, node, stream, onChoose }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const parents = useMemo(() => parentsOf(cluster.nodes), [cluster.nodes]);
  const flows = useMemo(() => flowsOf(cluster.streams, parents), [cluster.streams, parents]);
  const picture = useMemo(() => layFlows(cluster.nodes, flows, width), [cluster.nodes, flows, width]);
  const nodes = new Map(cluster.nodes.map((one) => [one.id, one]));
  const stands = (from: string, to: string) =>
    stream ? from === (parents.get(to) ?? stream.owner) && stream.carriers.includes(to) : node === null || from === node || to === node;
  const chosen = stream !== null || node !== null;
  return (
    <section class="cl-card cl-flows" aria-labelledby="cl-flows">
      <div class="cl-head">
        <h2 id="cl-flows">{c("whoPulls")}</h2>
        <span class="cl-soft">{flows.length > 0 ? c("whoPullsHint") : c("noPulls")}</span>
      </div>
      <div ref={box} class="cl-flows-box">
        {width > 0 && picture.spots.length > 0 && (
          <svg class={flows.length <= MAX_MOVING ? "moving" : ""} width={picture.width} height={picture.height} viewBox={`0 0 ${picture.width} ${picture.height}`}>
            {picture.lines.map((line) => (
              <g key={`${line.from} ${line.to}`} style={{ "--tint": TINTS[line.owner % TINTS.length] }} class={stands(line.from, line.to) ? (chosen ? "flow strong" : "flow") : "flow faint"}>
                <title>{c("flow", { from: line.from, to: line.to, n: line.streams })}</title>
                <path class="way" d={line.d} stroke-width={line.thick} />
                <path class="drops" d={line.d} stroke-width={Math.max(1.4, line.thick * 0.45)} />
              </g>
            ))}
            {picture.labels.map(({ region, x, y }) => <text key={region} class="region" x={x} y={y}>{region || c("noRegion")}</text>)}
            {picture.spots.map((spot) => (
              <SpotMark
                key={`${spot.side} ${spot.id}`}
                spot={spot}
                node={nodes.get(spot.id)}
                chosen={node === spot.id}
                onChoose={() => onChoose(node === spot.id ? null : spot.id)}
              />
            ))}
          </svg>
        )}
      </div>
    </section>
  );
}

interface SpotProps {
  spot: Spot;
  node: ClusterNode | undefined;
  chosen: boolean;
  onChoose: () => void;
}

/** Keyboards choose nodes in the list above; here it is for the pointer. */
function SpotMark({ spot, node, chosen, onChoose }: SpotProps) {
  const { x, y, width, height } = spot;
  const middle = y + height / 2;
  const number = spot.streams > 0 ? amount(spot.streams) : "";
  const room = (width - 30 - number.length * CHAR_PX) / CHAR_PX;
  return (
    <g class={`spot ${node ? nodeTone(node) : ""}${chosen ? " chosen" : ""}`} onClick={onChoose}>
      <title>{spot.id}</title>
      <rect x={x + 0.5} y={y + 0.5} width={width - 1} height={height - 1} rx={Math.min(8, height / 3)} />
      <circle cx={x + 12} cy={middle} r={4} />
      <text x={x + 22} y={middle} dominant-baseline="central">{shorten(spot.id, Math.floor(room))}</text>
      <text class="number" x={x + width - 9} y={middle} dominant-baseline="central" text-anchor="end">{number}</text>
    </g>
  );
}

function useWidth(box: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const look = () => setWidth(Math.floor(element.clientWidth));
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return width;
}
