//! How good it shall be, whether the uplink carries that, and the drawer for experts.

import { measureUplink, probe, type Probe } from "@weir/publisher";
import { useEffect, useRef, useState } from "preact/hooks";
import { bitrate, codecName } from "../format";
import type { AppRules } from "./api";
import { Choice, Segments } from "./Fields";
import { Glyph } from "./icons";
import { FPS, judgeUplink, PRESETS, videoGoal, type PresetId, type Verdict } from "./presets";
import { AUDIO_KBPS, ENCODERS, ENGINES, KEYFRAMES_S, VIDEO_CODECS, type Settings } from "./settings";
import { s, type StudioKey } from "./strings";
import type { Uplink } from "./useChoices";
import { publishTrouble, type Trouble } from "./words";

interface Props {
  settings: Settings;
  rules: AppRules | null;
  uplink: Uplink | null;
  /** Where to measure; null while key or name are missing. */
  url: string | null;
  advanced: boolean;
  onAdvanced: (open: boolean) => void;
  onSettings: (change: Partial<Settings>) => void;
  onUplink: (uplink: Uplink | null) => void;
  onMissing: () => void;
}

export function QualityCard(props: Props) {
  const { settings, rules, uplink, onSettings } = props;
  const [found, setFound] = useState<Probe | null>(null);
  useEffect(() => {
    let gone = false;
    probe().then((value) => !gone && setFound(value), () => {});
    return () => void (gone = true);
  }, []);
  const hopeless = found !== null && found.video.every((one) => !one.hardware && !one.software) && found.recorderTypes.length === 0;
  const limits = { uplink_kbps: uplink?.kbps ?? null, app_kbps: rules?.max_kbps ?? null };
  const goal = videoGoal(settings, limits, settings.audio_kbps);
  const presets: { value: PresetId; text: string }[] = [
    { value: "auto", text: s("auto") },
    ...[...PRESETS].reverse().map((preset) => ({ value: preset.id, text: preset.id })),
  ];
  const values = { size: `${goal.height}p`, rate: bitrate(goal.kbps) };
  return (
    <section class="st-card" aria-labelledby="st-quality">
      <h2 id="st-quality">{s("quality")}</h2>
      <Segments label={s("quality")} value={settings.preset} options={presets} onChoose={(preset) => onSettings({ preset })} />
      <p class="st-hint">
        {settings.preset === "auto" ? s("autoHint", values) : s("presetHint", values)}
        {rules?.max_kbps != null && ` · ${s("appLimit", { rate: bitrate(rules.max_kbps) })}`}
      </p>
      {hopeless && <p class="st-hint wrong">{s("cannotEncode")}</p>}
      <Preflight {...props} />
      {found && !hopeless && (uplink || props.advanced) && <Can found={found} />}
      <details class="st-advanced" open={props.advanced} onToggle={(event) => props.onAdvanced(event.currentTarget.open)}>
        <summary>{s("advanced")}</summary>
        {props.advanced && <Advanced settings={settings} found={found} onSettings={onSettings} />}
      </details>
    </section>
  );
}

const VERDICT: Record<Verdict, StudioKey> = { great: "vGreat", good: "vGood", fair: "vFair", poor: "vPoor", bad: "vBad" };
const TEST_S = 5;

function Preflight({ settings, uplink, url, onSettings, onUplink, onMissing }: Props) {
  const [running, setRunning] = useState<AbortController | null>(null);
  const [part, setPart] = useState(0);
  const [kbps, setKbps] = useState(0);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const alive = useRef<AbortController | null>(null);
  useEffect(() => () => alive.current?.abort(), []);
  useEffect(() => {
    if (!running) return;
    const begun_ms = performance.now();
    const timer = setInterval(() => setPart(Math.min(1, (performance.now() - begun_ms) / (TEST_S * 1000))), 100);
    return () => clearInterval(timer);
  }, [running]);

  const run = async () => {
    if (!url) return onMissing();
    const abort = new AbortController();
    alive.current = abort;
    setRunning(abort);
    setPart(0);
    setKbps(0);
    setTrouble(null);
    onUplink(null);
    try {
      const found = await measureUplink(url, { seconds: TEST_S, signal: abort.signal, onProgress: setKbps });
      if (!abort.signal.aborted) onUplink(found);
    } catch (error) {
      if (!abort.signal.aborted) setTrouble(publishTrouble(error));
    } finally {
      if (alive.current === abort) setRunning(null);
    }
  };

  const found = uplink && judgeUplink(uplink.kbps);
  return (
    <div class="st-preflight">
      {running ? (
        <div class="st-testing" role="status">
          <p><span>{s("testing")}</span><b>{kbps > 0 ? bitrate(kbps) : ""}</b></p>
          <progress max={1} value={part} aria-label={s("testing")} />
          <button type="button" class="plain" onClick={() => (running.abort(), setRunning(null))}>{s("stopTest")}</button>
        </div>
      ) : (
        <button type="button" class="plain" data-test="uplink" onClick={() => void run()}>
          <Glyph name="signal" size={18} />{s(uplink || trouble ? "testAgain" : "testUplink")}
        </button>
      )}
      {uplink && found && (
        <div class={`st-verdict ${found.verdict}`} role="status">
          <i class="st-light" />
          <p><b>{s(VERDICT[found.verdict])}</b> {s("uplinkIs", { rate: bitrate(uplink.kbps), rtt: Math.round(uplink.rtt_ms) })}</p>
          {settings.preset !== "auto" && settings.preset !== found.preset && (
            <button type="button" class="plain" onClick={() => onSettings({ preset: found.preset })}>{s("usePreset", { preset: found.preset })}</button>
          )}
        </div>
      )}
      {trouble && (
        <div class="st-verdict bad" role="alert">
          <i class="st-light" />
          <p><b>{s("testFailed")}: {s(trouble.title)}.</b> {trouble.hint ? s(trouble.hint) : trouble.detail} {trouble.code && <small>{s("code", { code: trouble.code })}</small>}</p>
        </div>
      )}
    </div>
  );
}

function Advanced({ settings, found, onSettings }: Pick<Props, "settings" | "onSettings"> & { found: Probe | null }) {
  const named = (codec: string) => (codec === "auto" ? s("codecAuto") : codecName(codec));
  const can = (codec: string) => !found || codec === "auto" || found.video.some((one) => one.codec === codec && (one.hardware || one.software));
  const kinds = { auto: s("encoderAuto"), hardware: s("hardware"), software: s("software") };
  const engines = { auto: s("engineAuto"), webcodecs: "WebCodecs", mediarecorder: "MediaRecorder" };
  return (
    <div class="st-drawer">
      <Segments label={s("fps")} value={settings.fps} options={FPS.map((fps) => ({ value: fps, text: String(fps) }))} onChoose={(fps) => onSettings({ fps })} />
      <Choice label={s("codec")} value={settings.codec} options={VIDEO_CODECS.map((codec) => ({ value: codec, text: named(codec), disabled: !can(codec) }))} onChoose={(codec) => onSettings({ codec })} />
      <Choice label={s("encoder")} value={settings.encoder} options={ENCODERS.map((encoder) => ({ value: encoder, text: kinds[encoder] }))} onChoose={(encoder) => onSettings({ encoder })} />
      <Choice label={s("keyframes")} value={settings.keyframe_s} options={KEYFRAMES_S.map((keyframe_s) => ({ value: keyframe_s, text: keyframe_s ? `${keyframe_s} s` : s("byServer") }))} onChoose={(keyframe_s) => onSettings({ keyframe_s })} />
      <Choice label={s("audioRate")} value={settings.audio_kbps} options={AUDIO_KBPS.map((kbps) => ({ value: kbps, text: `${kbps} kbit/s` }))} onChoose={(audio_kbps) => onSettings({ audio_kbps })} />
      <Choice label={s("engine")} value={settings.engine} options={ENGINES.map((engine) => ({ value: engine, text: engines[engine] }))} onChoose={(engine) => onSettings({ engine })} />
    </div>
  );
}

function Can({ found }: { found: Probe }) {
  const video = found.video.filter((one) => one.hardware || one.software);
  const audio = found.audio.filter((one) => one.supported);
  return (
    <div class="st-can">
      <p>{s("canEncode")}</p>
      <p class="chips">
        {video.map((one) => (
          <span key={one.codec}>{codecName(one.codec)} · {[one.hardware && s("hw"), one.software && s("sw")].filter(Boolean).join(" + ")}</span>
        ))}
        {audio.map((one) => <span key={one.codec}>{codecName(one.codec)}</span>)}
        {found.recorderTypes.length > 0 && <span>MediaRecorder</span>}
      </p>
    </div>
  );
}
