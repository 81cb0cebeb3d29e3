//! Go live from a browser: what is shown, where it goes, how good it shall be, and how it goes. Loaded
//! by itself: nobody who only watches needs it.

import { fetchLive, watchPath } from "@weir/player";
import { useCallback, useEffect } from "preact/hooks";
import { t } from "../i18n";
import { usePolled } from "../ui/poll";
import { Actions } from "../studio/Actions";
import type { Phase } from "../studio/broadcast";
import { Links } from "../studio/Links";
import { lightOf, LiveBoard } from "../studio/LiveBoard";
import { Log, Summary, TroubleCard } from "../studio/Notices";
import { useAskBeforeLeaving, useClock, useStayAwake } from "../studio/page";
import { QualityCard } from "../studio/QualityCard";
import { SourceBar } from "../studio/SourceBar";
import { Stage } from "../studio/Stage";
import { s, type StudioKey } from "../studio/strings";
import { publishUrl } from "../studio/target";
import { useChoices, type Choices } from "../studio/useChoices";
import { useStudio, type StudioModel } from "../studio/useStudio";
import { Where } from "../studio/Where";
import "../css/studio.css";

const PHASE: Record<Phase, StudioKey> = {
  idle: "stSetup", connecting: "stConnecting", live: "stLive", reconnecting: "stReconnecting", ended: "stEnded", failed: "stFailed",
};
const POLL_MS = 5000;

export function Studio() {
  const choices = useChoices();
  const studio = useStudio(choices);
  const { state, cast } = studio;
  const { target, rules } = choices;
  const onAir = state.phase === "live" || state.phase === "reconnecting";
  const light = lightOf(state);
  useStayAwake(cast.running);
  useAskBeforeLeaving(cast.running);
  useMarks(state.phase, light?.tone ?? null, target.stream);
  return (
    <main id="main" class="page studio">
      <div class="st-head">
        <h1>{s("title")}</h1>
        <span class="st-intro">{s("intro")}</span>
        <a href="/studio/recordings">{s("past")}</a>
        <a href="/studio/gifts">{s("gifts")}</a>
        <span class={`st-state ${state.phase}`}><i />{s(state.phase === "idle" && !studio.missing ? "stReady" : PHASE[state.phase])}</span>
        {onAir && <Viewers app={target.app} stream={target.stream} onViewers={(n) => cast.sawViewers(n)} />}
      </div>
      <p class="offscreen" role="status" aria-live="polite">{light ? s(light.key, light.values) : s(PHASE[state.phase])}</p>
      <Left choices={choices} studio={studio} onAir={onAir} />
      <Right choices={choices} studio={studio} onAir={onAir} />
      {(onAir || state.log.length > 0) && (
        <div class="st-below">
          {onAir && <Links target={target} signed={rules?.play === "signed"} />}
          {state.log.length > 0 && <Log entries={state.log} />}
        </div>
      )}
      <a class="offscreen" href="/">{t("back")}</a>
    </main>
  );
}

interface Part {
  choices: Choices;
  studio: StudioModel;
  onAir: boolean;
}

/** The picture and where it comes from. */
function Left({ choices, studio, onAir }: Part) {
  const { shown, desk, choose } = studio;
  const now_ms = useClock(onAir);
  return (
    <div class="st-left">
      <Stage
        desk={shown}
        cast={studio.state}
        now_ms={now_ms}
        onChoose={choose}
        onMute={studio.setMuted}
        onHide={studio.setHidden}
        onAgain={() => desk.again()}
      />
      {shown.stream && (
        <SourceBar
          desk={shown}
          camera={choices.settings.camera}
          microphone={choices.settings.microphone}
          onChoose={choose}
          onCamera={(camera) => choose("camera", { camera })}
          onMicrophone={(microphone) => choose(shown.kind === "screen" ? "screen" : "camera", { microphone })}
        />
      )}
      <input
        ref={studio.places.file}
        type="file"
        class="offscreen"
        tabIndex={-1}
        aria-hidden="true"
        accept="video/*"
        data-file
        onChange={(event) => {
          studio.openFile(event.currentTarget.files?.[0]);
          event.currentTarget.value = "";
        }}
      />
    </div>
  );
}

/** What to choose before, what to watch while live, and the button. */
function Right({ choices, studio, onAir }: Part) {
  const { settings, target, rules } = choices;
  const { state, cast, trouble, places } = studio;
  return (
    <aside ref={places.board} class="st-right" tabIndex={-1}>
      {trouble && <TroubleCard trouble={trouble} onWay={studio.takeWay} onDismiss={studio.dismiss} />}
      {state.phase === "ended" && <Summary cast={state} watch={watchPath(target)} />}
      {onAir ? (
        <LiveBoard cast={state} preset={settings.preset} onPreset={studio.setPreset} />
      ) : (
        <fieldset class="st-setup" disabled={cast.running}>
          <Where
            settings={settings}
            auth={choices.auth}
            rules={rules}
            keyInput={places.key}
            nameInput={places.name}
            onSettings={choices.change}
            onAuth={choices.setAuth}
            onPasted={choices.paste}
          />
          <QualityCard
            settings={settings}
            rules={rules}
            uplink={choices.uplink}
            url={choices.missing ? null : publishUrl(location, target)}
            advanced={studio.advanced}
            onAdvanced={studio.setAdvanced}
            onSettings={choices.change}
            onUplink={choices.setUplink}
            onMissing={() => (choices.missing === "enterKey" ? places.key : places.name).current?.focus()}
          />
        </fieldset>
      )}
      <Actions
        phase={state.phase}
        missing={studio.missing}
        onStart={studio.start}
        onCancel={() => void cast.end()}
        onEnd={() => void cast.end()}
      />
    </aside>
  );
}

/** What tests and the tab's title read. */
function useMarks(phase: Phase, tone: string | null, stream: string): void {
  useEffect(() => {
    const { dataset } = document.documentElement;
    dataset["studioState"] = phase;
    dataset["studioHealth"] = tone ?? "";
    document.title = `${phase === "live" ? "● " : ""}${phase === "live" || phase === "reconnecting" ? stream : s("title")} · weir`;
  });
}

/** Asks who watches; shown over the picture. */
function Viewers({ app, stream, onViewers }: { app: string; stream: string; onViewers: (viewers: number) => void }) {
  const load = useCallback(async () => {
    const { streams } = await fetchLive(undefined, undefined, { app, stream });
    return streams.find((one) => one.app === app && one.stream === stream)?.viewers ?? null;
  }, [app, stream]);
  const { value } = usePolled(load, POLL_MS);
  useEffect(() => {
    if (value !== null) onViewers(value);
  }, [value]);
  return null;
}
