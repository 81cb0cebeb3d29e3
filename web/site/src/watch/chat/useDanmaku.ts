//! The room's messages over the picture of the page's player, as the viewer has chosen.

import type { Post } from "@weir/chat";
import { Danmaku, USUAL, type DanmakuSettings } from "@weir/chat/danmaku";
import { useEffect, useRef, useState } from "preact/hooks";
import { store } from "../../store";
import { giftOf, offers, shownOf, type Offer } from "./gifts";
import { wordsOf } from "./model";
import type { Room } from "./useRoom";

interface Flying {
  settings: Readonly<DanmakuSettings>;
  set: (more: Partial<DanmakuSettings>) => void;
}

export function useDanmaku(room: Room | null): Flying {
  const danmaku = useRef<Danmaku | null>(null);
  const [settings, setSettings] = useState<Readonly<DanmakuSettings>>(USUAL);
  const chat = room?.chat;
  useEffect(() => {
    if (!chat || !room) return;
    const { group, own } = room;
    const kept = store.danmaku();
    let known: readonly Offer[] = [];
    void offers().then((all) => (known = all));
    const over = () => document.querySelector<HTMLElement>("weir-player");
    let at = over() ?? document.createElement("div");
    const made = new Danmaku({ over: at, ...(kept as Partial<DanmakuSettings>) });
    danmaku.current = made;
    setSettings(made.settings);
    const ends = [
      chat.on("post", ({ group: where, post }) => {
        const text = giftWords(post, known) ?? wordsOf(post);
        if (where !== group || text === null) return;
        // The player comes and goes: with a password, with what is live.
        const now = over();
        if (now && now !== at) made.attach((at = now));
        if (now) made.show({ id: post.id, text, user: post.from?.id ?? null, isOwn: post.from?.id === own });
      }),
      chat.on("delete", ({ id }) => made.remove((shout) => shout.id === id)),
      chat.on("clear", ({ user }) => made.remove((shout) => shout.user === user)),
    ];
    return () => {
      for (const end of ends) end();
      made.destroy();
    };
  }, [chat, room?.own]);
  const set = (more: Partial<DanmakuSettings>) => {
    danmaku.current?.set(more);
    const next = danmaku.current?.settings ?? settings;
    setSettings(next);
    // Without a word of the viewer's it stays what the system says of motion.
    const { isOn, ...rest } = next;
    store.setDanmaku({ ...rest, ...(("isOn" in more || "isOn" in store.danmaku()) && { isOn }) });
  };
  return { settings, set };
}

/** What flies of a gift; null for what is none. */
function giftWords(post: Post, known: readonly Offer[]): string | null {
  const gift = giftOf(post);
  if (!gift) return null;
  const { title, badge } = shownOf(known, gift.gift);
  return `${badge} ${post.from?.name ?? ""} ${title} × ${gift.combo.n}`;
}
