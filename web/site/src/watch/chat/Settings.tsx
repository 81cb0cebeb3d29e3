//! What one sees of the messages over the picture; for moderators, what the room takes.

import type { DanmakuSettings } from "@weir/chat/danmaku";
import { ChatError } from "@weir/chat";
import { useState } from "preact/hooks";
import { Dialog } from "./Dialog";
import { c, type Key } from "./strings";
import type { Room } from "./useRoom";

type Slider = "opacity" | "scale" | "speed" | "area" | "density";
const SLIDERS: [key: Slider, label: Key, least: number, most: number][] = [
  ["opacity", "opacity", 0.1, 1],
  ["scale", "size", 0.5, 2],
  ["speed", "speed", 0.5, 2],
  ["area", "area", 0.1, 1],
  ["density", "density", 0.25, 2],
];
/** Seconds of slow mode that are offered. */
const SLOW_S = [0, 3, 5, 10, 30, 60, 300];

interface Props {
  room: Room;
  danmaku: Readonly<DanmakuSettings>;
  onDanmaku: (more: Partial<DanmakuSettings>) => void;
  onClose: () => void;
}

export function Settings({ room, danmaku, onDanmaku, onClose }: Props) {
  return (
    <Dialog title={c("settings")} onClose={onClose}>
      {room.isModerator && <Mode room={room} />}
      <h3>{c("danmaku")}</h3>
      <label class="chat-check">
        <input type="checkbox" name="danmaku" checked={danmaku.isOn} onChange={({ currentTarget }) => onDanmaku({ isOn: currentTarget.checked })} />
        {c("danmakuOn")}
      </label>
      {SLIDERS.map(([key, label, least, most]) => (
        <label class="chat-field" key={key}>
          {c(label)}
          <input type="range" name={key} min={least} max={most} step={0.05} value={danmaku[key]} onInput={({ currentTarget }) => onDanmaku({ [key]: Number(currentTarget.value) })} />
        </label>
      ))}
      <label class="chat-field">
        {c("blocked")}
        <textarea name="words" rows={3} onChange={({ currentTarget }) => onDanmaku({ words: currentTarget.value.split("\n").map((word) => word.trim()) })}>{danmaku.words.join("\n")}</textarea>
      </label>
      {danmaku.users.length > 0 && (
        <p class="chat-acts">
          {c("hidden", { n: danmaku.users.length })}
          <button type="button" class="plain" onClick={() => onDanmaku({ users: [] })}>{c("showAll")}</button>
        </p>
      )}
    </Dialog>
  );
}

function Mode({ room: { chat, group, view } }: { room: Room }) {
  const [told, setTold] = useState("");
  const { slow_s, emotesOnly, isClosed } = view.mode;
  const change = async (data: object) => {
    setTold("");
    try {
      await chat.order(group, "mode", data);
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      setTold(c(`error_${error.reason}`));
    }
  };
  const offered = [...new Set([...SLOW_S, slow_s])].sort((a, b) => a - b);
  return (
    <fieldset class="chat-mode">
      <legend>{c("room")}</legend>
      <label class="chat-field">
        {c("slowMode")}
        <select name="slow" value={String(slow_s)} onChange={({ currentTarget }) => void change({ slow: Number(currentTarget.value) })}>
          {offered.map((n) => <option key={n} value={String(n)}>{n === 0 ? c("off") : c("seconds", { n })}</option>)}
        </select>
      </label>
      <label class="chat-check">
        <input type="checkbox" name="emotes" checked={emotesOnly} onChange={({ currentTarget }) => void change({ emote: currentTarget.checked ? 1 : 0 })} />
        {c("takeEmotes")}
      </label>
      <label class="chat-check">
        <input type="checkbox" name="closed" checked={isClosed} onChange={({ currentTarget }) => void change({ closed: currentTarget.checked ? 1 : 0 })} />
        {c("takeNothing")}
      </label>
      {told && <p class="alert" role="status">{told}</p>}
    </fieldset>
  );
}
