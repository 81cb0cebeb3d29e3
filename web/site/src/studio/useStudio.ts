//! What the page does: opens sources, goes live, ends, and takes the ways out of trouble.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Broadcast } from "./broadcast";
import { Desk } from "./desk";
import { useModel } from "./model";
import { publisherOptions } from "./options";
import { PRESETS, videoGoal, type PresetId } from "./presets";
import type { Settings, SourceKind } from "./settings";
import { cameraGranted } from "./sources";
import { s, type StudioKey } from "./strings";
import { friendlyName, publishUrl } from "./target";
import type { Choices } from "./useChoices";
import { withKeys, type Way } from "./words";

export function useStudio(choices: Choices) {
  const { settings, goal, rules, change } = choices;
  const desk = useMemo(() => new Desk(), []);
  const cast = useMemo(() => new Broadcast(), []);
  const shown = useModel(desk);
  const state = useModel(cast);
  const [advanced, setAdvanced] = useState(false);
  const places = {
    key: useRef<HTMLInputElement>(null),
    name: useRef<HTMLInputElement>(null),
    file: useRef<HTMLInputElement>(null),
    board: useRef<HTMLElement>(null),
  };
  const missing: StudioKey | null = shown.stream ? choices.missing : "chooseSource";

  const choose = (kind: SourceKind, part: Partial<Settings> = {}) => {
    if (kind === "file") return places.file.current?.click();
    const next = { ...settings, ...part };
    change({ ...part, source: kind });
    void open(kind, next);
  };
  const open = async (kind: SourceKind, { camera, microphone }: Settings, file?: File) => {
    const opened = await desk.open({ kind, camera, microphone, goal, ...(file ? { file } : {}) });
    if (opened && cast.running) cast.note({ key: "lSource", values: { kind: s(kind) } });
  };
  const focusMissing = () => {
    if (missing === "chooseSource") document.querySelector<HTMLElement>("[data-source]")?.focus();
    else (missing === "enterKey" ? places.key : places.name).current?.focus();
  };
  const start = () => {
    if (!shown.stream || missing) return focusMissing();
    const { target, expert } = choices;
    const options = publisherOptions(publishUrl(location, target), shown.stream, settings, goal, rules, expert);
    void cast.start(options, `${target.app}/${target.stream}`);
    // The button that had the focus is gone; the next key must not meet the one that ends.
    places.board.current?.focus({ preventScroll: true });
  };
  const setPreset = (preset: PresetId) => {
    change({ preset });
    cast.setCeiling(videoGoal({ ...settings, preset }, choices.limits, settings.audio_kbps).kbps + settings.audio_kbps);
  };
  const ways: Record<Way, () => void> = {
    key: () => {
      choices.setAuth("");
      setTimeout(() => places.key.current?.focus(), 0);
    },
    name: () => {
      change({ stream: friendlyName() });
      setTimeout(() => places.name.current?.select(), 0);
    },
    retry: start,
    lower: () => change({ preset: (PRESETS.find((preset) => preset.height < goal.height) ?? PRESETS[PRESETS.length - 1]!).id }),
    codec: () => {
      change({ codec: "auto", encoder: "auto", engine: "auto" });
      setAdvanced(true);
    },
    pattern: () => choose("pattern"),
    camera: () => choose("camera"),
  };

  useEffect(() => {
    if (!cast.running) desk.aim(goal);
  }, [goal.height, goal.fps, cast.running]);
  useEffect(() => {
    if (shown.stream) void cast.setSource(shown.stream);
  }, [shown.stream]);
  useEffect(() => {
    if (shown.lost && cast.running) cast.note({ key: shown.lost });
  }, [shown.lost]);
  useEffect(() => {
    void openAgain(settings, choose);
    return () => {
      desk.close();
      void cast.end();
    };
  }, []);

  const told = state.trouble ?? shown.trouble;
  const dismiss = () => {
    cast.dismiss();
    desk.dismiss();
  };
  return {
    desk, cast, shown, state, places, missing, advanced, setAdvanced, choose, focusMissing, start, setPreset, dismiss,
    openFile: (file: File | undefined) => file && void open("file", settings, file),
    trouble: told && rules?.publish !== "open" ? withKeys(told) : told,
    takeWay: (way: Way) => {
      dismiss();
      ways[way]();
    },
    setMuted: (muted: boolean) => {
      desk.setMuted(muted);
      if (cast.running) cast.note({ key: muted ? "lMuted" : "lUnmuted" });
    },
    setHidden: (hidden: boolean) => {
      desk.setHidden(hidden);
      if (cast.running) cast.note({ key: hidden ? "lHidden" : "lShown" });
    },
  };
}

export type StudioModel = ReturnType<typeof useStudio>;

/** What was used the last time opens by itself where that asks for nothing. */
async function openAgain(settings: Settings, choose: (kind: SourceKind) => void): Promise<void> {
  if (settings.source === "pattern") choose("pattern");
  else if (settings.source === "camera" && (await cameraGranted())) choose("camera");
}
