//! A curve of the last minutes as SVG.

import { curve, type Metric, type Sample } from "./history";

/** The box that curves are drawn in; CSS stretches it. */
const [WIDTH, HEIGHT] = [150, 40];

interface Props {
  samples: readonly Sample[];
  metric: Metric;
  now_ms: number;
  span_ms: number;
  top: number;
  label: string;
}

export function Curve({ samples, metric, now_ms, span_ms, top, label }: Props) {
  const { line, area } = curve(samples, metric, { now_ms, span_ms, top, width: WIDTH, height: HEIGHT });
  return (
    <svg class="cl-curve" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path class="ground" d={`M0 ${HEIGHT - 1}H${WIDTH}`} />
      <path class="area" d={area} />
      <path class="line" d={line} />
    </svg>
  );
}
