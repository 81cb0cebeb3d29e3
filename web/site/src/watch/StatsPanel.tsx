//! Numbers for those who ask, with the latency of the last minute as a curve.

import type { Latency, Player, Stats } from "@weir/player";
import { useEffect, useRef, useState } from "preact/hooks";
import { bitrate, PROTOCOL_NAME, rate, seconds } from "../format";
import { t } from "../i18n";
import { Icon } from "../ui/icons";
import { drawCurve, KEEP_MS, type Point } from "./curve";
import { LATENCY_TEXT } from "./latency";

const READ_MS = 500;

export function StatsPanel({ player, onClose }: { player: { current: Player | null }; onClose: () => void }) {
  const [stats, setStats] = useState<Stats | null>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const points = useRef<Point[]>([]);

  useEffect(() => {
    const read = () => {
      const next = player.current?.stats() ?? null;
      setStats(next);
      const now_ms = performance.now();
      points.current = points.current.filter((point) => now_ms - point.at_ms < KEEP_MS);
      points.current.push({ at_ms: now_ms, ms: next?.latency?.ms ?? null });
      if (canvas.current) drawCurve(canvas.current, points.current, now_ms);
    };
    read();
    const timer = setInterval(read, READ_MS);
    return () => clearInterval(timer);
  }, []);

  return (
    <section class="stats" aria-label={t("statistics")}>
      <button type="button" class="plain square" aria-label={t("close")} onClick={onClose}><Icon name="close" size={16} /></button>
      {stats && <Table stats={stats} />}
      <canvas ref={canvas} aria-hidden="true" />
      <p>{latencyName(stats?.latency ?? null)} · {t("lastMinute")}</p>
    </section>
  );
}

function Table({ stats }: { stats: Stats }) {
  const none = t("unknown");
  const rows: [string, string][] = [
    [t("protocol"), stats.protocol ? PROTOCOL_NAME[stats.protocol] : none],
    [t("sEngine"), stats.engine || none],
    [t("sVideo"), stats.videoCodec || none],
    [t("sAudio"), stats.audioCodec || none],
    [t("sResolution"), stats.width > 0 ? `${stats.width} × ${stats.height}` : none],
    [t("sFps"), rate(Math.round(stats.fps * 10) / 10)],
    [t("sDropped"), `${stats.framesDropped} / ${stats.framesTotal}`],
    [t("sBitrate"), bitrate(stats.bitrate_kbps) + (stats.bitrateMeasured ? "" : ` (${t("sBitrateTold")})`)],
    [t("sBuffer"), seconds(stats.buffer_ms)],
    [t("sSpeed"), `${stats.playbackRate.toFixed(2)} ×`],
    [t("sReconnects"), String(stats.reconnects)],
    [latencyName(stats.latency), stats.latency ? seconds(stats.latency.ms) : none],
  ];
  return (
    <dl>
      {rows.map(([name, value]) => (
        <div key={name}><dt>{name}</dt><dd>{value}</dd></div>
      ))}
    </dl>
  );
}

/** A buffer is not called a latency. */
function latencyName(latency: Latency | null): string {
  if (!latency) return t("sLatency");
  return latency.kind === "true" ? t("sLatency") : `${t("sLatency")} (${t(LATENCY_TEXT[latency.kind].label)})`;
}
