//! Who is here: names while there are few, and how many always.

import type { User } from "@weir/chat";
import { useEffect, useState } from "preact/hooks";
import { count } from "../../format";
import { locale } from "../../i18n";
import { Dialog } from "./Dialog";
import { c } from "./strings";
import type { Room } from "./useRoom";

const MAX_LISTED = 500;

export function People({ room, onClose }: { room: Room; onClose: () => void }) {
  const [users, setUsers] = useState<User[] | null | "asking" | "failed">("asking");
  useEffect(() => {
    void room.chat.who(room.group, MAX_LISTED).then((who) => setUsers(who.users), () => setUsers("failed"));
  }, []);
  return (
    <Dialog title={c("whoIsHere")} onClose={onClose}>
      <p>{c("online", { n: count(room.view.online, locale()) })}</p>
      {users === null && <p>{c("tooMany")}</p>}
      {users === "failed" && <p class="alert">{c("error_unavailable")}</p>}
      {Array.isArray(users) && <ul class="chat-people">{users.map(({ id, name }) => <li key={id} dir="auto">{name}</li>)}</ul>}
    </Dialog>
  );
}
