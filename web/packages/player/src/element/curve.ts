//! The latency curve: the last minute, newest at the right. `scaleTop` is pure.

export interface Point {
  at_ms: number;
  /** null: unknown at that time, the line is broken there. */
  ms: number | null;
}

export const KEEP_MS = 60_000;

/** The top of the scale: the least of these that holds every point. */
export function scaleTop(points: readonly Point[]): number {
  const most = points.reduce((top, point) => Math.max(top, point.ms ?? 0), 0);
  return [500, 1000, 2000, 3000, 5000, 10_000, 20_000, 30_000, 60_000].find((top) => top >= most) ?? 120_000;
}

export function drawCurve(canvas: HTMLCanvasElement, points: readonly Point[], now_ms: number): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);

  const top = scaleTop(points);
  const x = (point: Point) => width - ((now_ms - point.at_ms) / KEEP_MS) * width;
  const y = (ms: number) => height - 2 - (ms / top) * (height - 6);

  context.strokeStyle = "rgba(255, 255, 255, 0.16)";
  context.lineWidth = 1;
  context.beginPath();
  for (const part of [0.5, 1]) {
    const line = Math.round(y(top * part)) + 0.5;
    context.moveTo(0, line);
    context.lineTo(width, line);
  }
  context.stroke();
  context.fillStyle = "rgba(255, 255, 255, 0.6)";
  context.font = "10px system-ui, sans-serif";
  context.fillText(`${top / 1000} s`, 2, y(top) + 11);

  context.strokeStyle = "#4fd6e0";
  context.lineWidth = 1.6;
  context.lineJoin = "round";
  context.beginPath();
  let drawing = false;
  for (const point of points) {
    if (point.ms === null) {
      drawing = false;
      continue;
    }
    if (drawing) context.lineTo(x(point), y(point.ms));
    else context.moveTo(x(point), y(point.ms));
    drawing = true;
  }
  context.stroke();
}
