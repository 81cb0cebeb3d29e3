//! Somebody's card: what was said last, and what one may do about it. Moderators see more.

import { ChatError } from "@weir/chat";
import { useState } from "preact/hooks";
import { Dialog } from "./Dialog";
import { saidBy, type Posted } from "./model";
import { c, type Key } from "./strings";
import type { Room } from "./useRoom";

/** For how long somebody is silenced, seconds; for ever without. */
const TIMES: [seconds: string, words: () => string][] = [
  ["60", () => c("minutes", { n: 1 })],
  ["600", () => c("minutes", { n: 10 })],
  ["3600", () => c("hours", { n: 1 })],
  ["86400", () => c("hours", { n: 24 })],
  ["", () => c("forEver")],
];
const MAX_REASON_CHARS = 100;
const SHOWN = 8;

interface Props {
  room: Room;
  line: Posted;
  isHidden: boolean;
  onHide: (user: string) => void;
  /** What one writes next answers this. */
  onAnswer: () => void;
  onClose: () => void;
}

export function Person({ room, line, isHidden, onHide, onAnswer, onClose }: Props) {
  const { chat, group, isModerator, own } = room;
  const [told, setTold] = useState("");
  const from = line.post.from!;
  const isOwn = from.id === own;
  const order = async (method: string, data: object) => {
    setTold("");
    try {
      await chat.order(group, method, data);
      setTold(c("done"));
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      setTold(c(`error_${error.reason}`));
    }
  };
  const act = (label: Key, method: string, data: object) => (
    <button type="button" class="plain" data-act={method} onClick={() => void order(method, data)}>{c(label)}</button>
  );
  return (
    <Dialog title={from.name} onClose={onClose}>
      <h3>{c("lastSaid")}</h3>
      <ul class="chat-last" dir="auto">
        {saidBy(room.view, from.id).slice(-SHOWN).map((said) => "text" in said && <li key={said.id}>{said.text}</li>)}
      </ul>
      <p class="chat-acts">
        {line.is === "said" && <button type="button" class="plain" data-act="answer" onClick={onAnswer}>{c("reply")}</button>}
        {(isOwn || isModerator) && act("delete", "delete", { id: line.post.id })}
        {isModerator && act("pin", "pin", { id: line.post.id })}
        {isModerator && act("clear", "clear", { u: from.id })}
        {!isOwn && <button type="button" class="plain" data-act="hide" onClick={() => onHide(from.id)}>{c(isHidden ? "show" : "hide")}</button>}
      </p>
      {isModerator && !isOwn && <Silencing onOrder={(method, data) => void order(method, { u: from.id, ...data })} />}
      <p role="status">{told}</p>
    </Dialog>
  );
}

function Silencing({ onOrder }: { onOrder: (method: string, data: object) => void }) {
  const [seconds, setSeconds] = useState("600");
  const [why, setWhy] = useState("");
  const how = () => ({ ...(seconds && { s: Number(seconds) }), ...(why.trim() && { why: why.trim() }) });
  return (
    <>
      <label class="chat-field">
        {c("forHowLong")}
        <select value={seconds} onChange={({ currentTarget }) => setSeconds(currentTarget.value)}>
          {TIMES.map(([value, words]) => <option key={value} value={value}>{words()}</option>)}
        </select>
      </label>
      <label class="chat-field">
        {c("reason")}
        <input type="text" name="why" value={why} maxLength={MAX_REASON_CHARS} onInput={({ currentTarget }) => setWhy(currentTarget.value)} />
      </label>
      <p class="chat-acts">
        <button type="button" class="button small" data-act="mute" onClick={() => onOrder("mute", how())}>{c("mute")}</button>
        <button type="button" class="button small danger" data-act="ban" onClick={() => onOrder("ban", how())}>{c("ban")}</button>
        <button type="button" class="plain" data-act="unmute" onClick={() => onOrder("unmute", {})}>{c("unmute")}</button>
        <button type="button" class="plain" data-act="unban" onClick={() => onOrder("unban", {})}>{c("unban")}</button>
      </p>
    </>
  );
}
