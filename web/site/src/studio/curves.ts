//! Curves of the last two minutes, newest at the right. `topOf` is pure.

export interface Curve {
  /** A CSS colour or the name of a custom property of the canvas ("--accent"). */
  colour: string;
  values: readonly number[];
  fill?: boolean;
}

/** The top of the scale: 1, 2 or 5 times a power of ten, the least that holds every value. */
export function topOf(curves: readonly Curve[], least: number): number {
  const most = curves.reduce((top, curve) => curve.values.reduce((high, value) => Math.max(high, value), top), 0);
  const wanted = Math.max(most, least);
  const power = 10 ** Math.floor(Math.log10(wanted));
  for (const factor of [1, 2, 5, 10]) if (factor * power >= wanted) return factor * power;
  return wanted;
}

export interface Frame {
  /** When each value was, `performance.now()`. */
  at_ms: readonly number[];
  now_ms: number;
  span_ms: number;
  /** Least top of the scale. */
  least: number;
  label: (top: number) => string;
}

export function drawCurves(canvas: HTMLCanvasElement, curves: readonly Curve[], frame: Frame): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const paint = (colour: string) => (colour.startsWith("--") ? style.getPropertyValue(colour).trim() || "#888" : colour);

  const top = topOf(curves, frame.least);
  const x = (at: number) => width - ((frame.now_ms - (frame.at_ms[at] ?? 0)) / frame.span_ms) * width;
  const y = (value: number) => height - 1.5 - (value / top) * (height - 5);
  context.strokeStyle = paint("--line");
  context.lineWidth = 1;
  context.beginPath();
  for (const part of [0, 0.5, 1]) {
    const line = Math.round(y(top * part)) - 0.5;
    context.moveTo(0, line);
    context.lineTo(width, line);
  }
  context.stroke();

  context.lineJoin = "round";
  for (const curve of curves) {
    if (curve.values.length === 0) continue;
    context.strokeStyle = paint(curve.colour);
    context.lineWidth = curve.fill ? 1.8 : 1.4;
    context.beginPath();
    curve.values.forEach((value, at) => (at === 0 ? context.moveTo(x(at), y(value)) : context.lineTo(x(at), y(value))));
    context.stroke();
    if (!curve.fill) continue;
    context.lineTo(x(curve.values.length - 1), height);
    context.lineTo(x(0), height);
    context.closePath();
    context.globalAlpha = 0.16;
    context.fillStyle = context.strokeStyle;
    context.fill();
    context.globalAlpha = 1;
  }
  context.fillStyle = paint("--soft");
  context.font = "10px system-ui, sans-serif";
  context.fillText(frame.label(top), 3, y(top) + 11);
}
