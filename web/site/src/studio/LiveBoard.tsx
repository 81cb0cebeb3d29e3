//! What a broadcaster looks at while live: the health light and its reason, curves, numbers.

import type { PublisherStats } from "@weir/publisher";
import { useEffect, useRef } from "preact/hooks";
import { bitrate, rate } from "../format";
import { KEEP_MS, type BroadcastState, type Sample } from "./broadcast";
import { drawCurves, type Curve } from "./curves";
import { Segments } from "./Fields";
import { PRESETS, type PresetId } from "./presets";
import { s } from "./strings";
import { healthLine, type Line } from "./words";

interface Props {
  cast: BroadcastState;
  preset: PresetId;
  onPreset: (preset: PresetId) => void;
}

/** A young broadcast's curves need not begin as a dot at the edge. */
const LEAST_SPAN_MS = 30_000;

/** The words of the light; before the first pictures there is nothing to judge. */
export function lightOf(cast: BroadcastState): Line | null {
  if (cast.phase === "reconnecting") return { tone: "poor", key: "hReconnecting", values: {} };
  if (cast.phase !== "live") return null;
  return cast.health ? healthLine(cast.health, cast.stats) : { tone: "down", key: "hWait", values: {} };
}

export function LiveBoard({ cast, preset, onPreset }: Props) {
  const { stats } = cast;
  const light = lightOf(cast);
  const options: { value: PresetId; text: string }[] = [
    { value: "auto", text: s("auto") },
    ...[...PRESETS].reverse().map((one) => ({ value: one.id, text: one.id })),
  ];
  return (
    <section class="st-card st-board" aria-labelledby="st-health">
      <h2 id="st-health" class="offscreen">{s("health")}</h2>
      <div class={`st-health ${light?.tone ?? "down"}`}>
        <i class="st-light" />
        <div>
          <b>{light ? s(light.key, light.values) : s("goingLive")}</b>
          <small>{stats ? `${s("hSent", { kbps: bitrate(stats.sent_kbps) })}${stats.height ? ` · ${Math.min(stats.width, stats.height)}p${Math.round(stats.fps)}` : ""}` : " "}</small>
        </div>
      </div>
      <Curves samples={cast.samples} />
      {stats && <Numbers stats={stats} />}
      <Segments label={s("quality")} value={preset} options={options} onChoose={onPreset} />
    </section>
  );
}

function Curves({ samples }: { samples: Sample[] }) {
  const last = samples.at(-1);
  const age_ms = last ? last.at_ms - samples[0]!.at_ms : 0;
  const span_ms = Math.min(KEEP_MS, Math.max(LEAST_SPAN_MS, age_ms + 1500 > KEEP_MS ? KEEP_MS : age_ms));
  const of = (key: keyof Sample) => samples.map((sample) => sample[key]);
  return (
    <div class="st-curves">
      <Plot
        title={s("bitrate")}
        value={last ? bitrate(last.sent_kbps) : ""}
        samples={samples}
        span_ms={span_ms}
        least={500}
        label={(top) => bitrate(top)}
        curves={[
          { colour: "--accent", values: of("acked_kbps"), fill: true },
          { colour: "--text", values: of("sent_kbps") },
          { colour: "--amber", values: of("target_kbps") },
        ]}
        legend
        tall
      />
      <div class="st-pair">
        <Plot title={s("picturesPerSecond")} value={last ? rate(Math.round(last.fps)) : ""} samples={samples} span_ms={span_ms} least={30} label={String} curves={[{ colour: "--accent", values: of("fps"), fill: true }]} />
        <Plot title={s("queue")} value={last ? `${(last.queue_ms / 1000).toFixed(1)} s` : ""} samples={samples} span_ms={span_ms} least={1000} label={(top) => `${top / 1000} s`} curves={[{ colour: "--amber", values: of("queue_ms"), fill: true }]} />
      </div>
      <p class="st-hint">{span_ms === KEEP_MS ? s("lastMinutes") : s("lastSeconds", { n: Math.round(span_ms / 1000) })}</p>
    </div>
  );
}

interface PlotProps {
  title: string;
  value: string;
  samples: Sample[];
  span_ms: number;
  curves: Curve[];
  least: number;
  label: (top: number) => string;
  legend?: boolean;
  tall?: boolean;
}

function Plot({ title, value, samples, span_ms, curves, least, label, legend, tall }: PlotProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (!canvas.current) return;
    const now_ms = samples.at(-1)?.at_ms ?? performance.now();
    drawCurves(canvas.current, curves, { at_ms: samples.map((sample) => sample.at_ms), now_ms, span_ms, least, label });
  }, [samples]);
  return (
    <figure class={tall ? "st-plot tall" : "st-plot"}>
      <figcaption>
        <span>{title}</span>
        {legend && <span class="st-legend"><i class="target" />{s("target")}<i class="sent" />{s("sent")}<i class="arrived" />{s("arrived")}</span>}
        <b>{value}</b>
      </figcaption>
      <canvas ref={canvas} aria-hidden="true" />
    </figure>
  );
}

function Numbers({ stats }: { stats: PublisherStats }) {
  const encoder = stats.encoder === "unknown" ? s("unknown") : s(stats.encoder);
  const engine = stats.engine === "webcodecs" ? "WebCodecs" : "MediaRecorder";
  const rows: [name: string, value: string, hint?: string][] = [
    [s("nRtt"), `${Math.round(stats.rtt_ms)} ms`],
    [s("nCeiling"), bitrate(stats.ceiling_kbps)],
    [s("nSize"), stats.width ? `${stats.width}×${stats.height}` : "–"],
    [s("nDropped"), `${stats.droppedBeforeEncoding} / ${stats.droppedAfterEncoding}`, s("nDroppedHint")],
    [s("nVideo"), stats.videoCodec || "–"],
    [s("nAudio"), stats.audioCodec || "–"],
    [s("nEncoder"), encoder, engine],
    [s("nKeyframes"), String(stats.keyframes)],
    [s("engine"), engine],
    [s("nReconnects"), String(stats.reconnects)],
  ];
  return (
    <dl class="st-numbers" aria-label={s("numbers")}>
      {rows.map(([name, value, hint]) => (
        <div key={name} title={hint}><dt>{name}</dt><dd>{value}</dd></div>
      ))}
    </dl>
  );
}
