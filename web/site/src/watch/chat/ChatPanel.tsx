//! The chat of a stream beside its picture.

import { useEffect, useState } from "preact/hooks";
import { count } from "../../format";
import { locale } from "../../i18n";
import { Icon } from "../../ui/icons";
import { Composer } from "./Composer";
import { Gifts } from "./Gifts";
import { offers, type Offer } from "./gifts";
import { HeartButton, Hearts } from "./Hearts";
import { List } from "./List";
import { wordsOf, type Line, type Posted } from "./model";
import { People } from "./People";
import { Person } from "./Person";
import { Settings } from "./Settings";
import { c } from "./strings";
import { useDanmaku } from "./useDanmaku";
import { useRoom, type Room, type Shut } from "./useRoom";
import "../../css/chat.css";

type Shown = { is: "people" } | { is: "settings" } | { is: "person"; line: Posted };

export function ChatPanel({ stream }: { stream: string }) {
  const entered = useRoom(stream);
  const room = entered && "shut" in entered ? null : entered;
  const { settings, set } = useDanmaku(room);
  const [gifts, setGifts] = useState<readonly Offer[]>([]);
  useEffect(() => void offers().then(setGifts), []);
  const [shown, setShown] = useState<Shown | null>(null);
  const [answered, setAnswered] = useState<Posted | null>(null);
  const [onMore] = useState(() => (line: Line) => "post" in line && line.post.from && setShown({ is: "person", line }));
  if (entered && "shut" in entered) return <ShutOut {...entered} />;
  if (!room) return null;
  const close = () => setShown(null);
  const { users } = settings;
  const hide = (user: string) => set({ users: users.includes(user) ? users.filter((one) => one !== user) : [...users, user] });
  const lines = users.length === 0 ? room.view.lines : room.view.lines.filter((line) => !("post" in line && users.includes(line.post.from?.id ?? "")));
  return (
    <section class="chat" aria-labelledby="chat-title" data-chat-state={room.state.is}>
      <header class="chat-head">
        <h2 id="chat-title">{c("chat")}</h2>
        <button type="button" class="plain chat-online" aria-label={`${c("online", { n: count(room.view.online, locale()) })} · ${c("whoIsHere")}`} onClick={() => setShown({ is: "people" })}>
          <Icon name="people" size={18} />{count(room.view.online, locale())}
        </button>
        <HeartButton room={room} />
        <button type="button" class="plain square" aria-pressed={settings.isOn} aria-label={c("danmaku")} title={c("danmaku")} onClick={() => set({ isOn: !settings.isOn })}>
          <Icon name="flying" size={20} />
        </button>
        <button type="button" class="plain square" aria-label={c("settings")} title={c("settings")} onClick={() => setShown({ is: "settings" })}>
          <Icon name="sliders" size={20} />
        </button>
      </header>
      <Pinned room={room} />
      <List lines={lines} offers={gifts} own={room.own} onMore={onMore} />
      <Hearts likes={room.view.likes} />
      <Standing room={room} />
      <Gifts stream={stream} own={room.own} />
      <Composer room={room} answered={answered} onAnswered={setAnswered} />
      {shown?.is === "people" && <People room={room} onClose={close} />}
      {shown?.is === "settings" && <Settings room={room} danmaku={settings} onDanmaku={set} onClose={close} />}
      {shown?.is === "person" && (
        <Person room={room} line={shown.line} isHidden={users.includes(shown.line.post.from?.id ?? "")} onHide={hide} onAnswer={() => (setAnswered(shown.line), close())} onClose={close} />
      )}
    </section>
  );
}

function ShutOut({ shut }: Shut) {
  return (
    <section class="chat shut" aria-labelledby="chat-title" data-chat-state="shut">
      <header class="chat-head"><h2 id="chat-title">{c("chat")}</h2></header>
      {shut === "signed_out" ? <p class="chat-doors"><a class="button small" href="/account/sign-in">{c("signIn")}</a></p> : <p class="chat-note">{c(`error_${shut}`)}</p>}
    </section>
  );
}

function Pinned({ room: { chat, group, view, isModerator } }: { room: Room }) {
  const { pinned } = view;
  if (!pinned) return null;
  return (
    <aside class="chat-pinned" aria-label={c("pinned")}>
      <Icon name="pin" size={18} />
      <p dir="auto">{pinned.from && <b>{pinned.from.name}</b>} {wordsOf(pinned)}</p>
      {isModerator && (
        // What comes of it is told to the room; a refusal leaves it as it is.
        <button type="button" class="plain square" aria-label={c("unpin")} onClick={() => void chat.order(group, "unpin").catch(() => {})}>
          <Icon name="close" size={18} />
        </button>
      )}
    </aside>
  );
}

/** What is the matter with the connection. */
function Standing({ room: { state } }: { room: Room }) {
  if (state.is === "open") return null;
  if (state.is !== "closed") return <p class="chat-note" role="status">{c(state.is === "waiting" ? "again" : "connecting")}</p>;
  return (
    <p class="chat-note" role="status">
      {c("closed")} <button type="button" class="plain" onClick={() => location.reload()}>{c("reload")}</button>
    </p>
  );
}
