//! What who is signed in follows, on the first page: channels that are live, then the rest.

import type { StreamInfo } from "@weir/player";
import type { ChannelShown } from "@weir/api";
import { useCallback, useEffect, useState } from "preact/hooks";
import { followed } from "../account/followed";
import { ask, Refused } from "../api";
import { count } from "../format";
import { locale, t } from "../i18n";
import { store } from "../store";
import { Icon } from "../ui/icons";
import { Picture } from "../ui/Picture";
import { Placeholder } from "../ui/Placeholder";
import { usePolled } from "../ui/poll";

/** Whom one follows changes seldom, and what of it is live is known from the list of what is. */
const POLL_MS = 60_000;
/** Channels that are not live, until somebody wants to see all. */
const RESTING = 12;

/** Those that are live, most viewers first, and the rest by name. `live` null: nobody knows but the server's answer. */
export function parted(channels: ChannelShown[], live: StreamInfo[] | null): { on: [ChannelShown, number][]; off: ChannelShown[] } {
  const viewers = new Map(live?.map((info) => [`${info.app}/${info.stream}`, info.viewers]));
  // Another node's streams are live too and in no list of this one.
  const isOn = (channel: ChannelShown) => channel.live || viewers.has(channel.stream);
  const on = channels.filter(isOn).map((channel): [ChannelShown, number] => [channel, viewers.get(channel.stream) ?? 0]);
  on.sort(([a, m], [b, n]) => n - m || a.name.localeCompare(b.name));
  const off = channels.filter((channel) => !isOn(channel)).sort((a, b) => titleOf(a).localeCompare(titleOf(b)));
  return { on, off };
}

const titleOf = (channel: ChannelShown) => channel.title || channel.name;
const pageOf = (channel: ChannelShown) => `/c/${encodeURIComponent(channel.name)}`;

export function Following({ live }: { live: StreamInfo[] | null }) {
  const [isOver, setIsOver] = useState(false);
  const [all, setAll] = useState(false);
  const load = useCallback(
    () =>
      followed().catch((error: unknown) => {
        if (!(error instanceof Refused) || error.status !== 401) throw error;
        // Nobody is signed in any more.
        store.setSignedIn(false);
        setIsOver(true);
        return [];
      }),
    [],
  );
  const { value, refresh } = usePolled(load, POLL_MS);
  // Something came or went: whether it is one of these is asked at once.
  const names = live?.map((info) => `${info.app}/${info.stream}`).sort().join(" ") ?? "";
  useEffect(() => refresh(), [names]);
  const titles = useCategoryTitles();
  if (isOver || !value) return null;
  const { on, off } = parted(value, live);
  return (
    <section class="following" aria-labelledby="following">
      <h2 id="following">{t("following")}</h2>
      {value.length === 0 && <p class="following-none">{t("followingNone")}</p>}
      {value.length > 0 && on.length === 0 && <p class="following-none">{t("followingIdle")}</p>}
      {on.length > 0 && <ul class="grid">{on.map(([channel, viewers]) => <li key={channel.id}><Live channel={channel} viewers={viewers} category={titles.get(channel.category) ?? channel.category} /></li>)}</ul>}
      {off.length > 0 && (
        <ul class="following-rest" aria-label={t("followingRest")}>
          {(all ? off : off.slice(0, RESTING)).map((channel) => <li key={channel.id}><a href={pageOf(channel)}>{titleOf(channel)}</a></li>)}
          {!all && off.length > RESTING && <li><button type="button" class="plain" onClick={() => setAll(true)}>{t("followingAll", { n: count(off.length, locale()) })}</button></li>}
        </ul>
      )}
    </section>
  );
}

/** What categories are called in the reader's language; empty until it is known. */
function useCategoryTitles(): ReadonlyMap<string, string> {
  const [titles, setTitles] = useState<ReadonlyMap<string, string>>(new Map());
  const language = locale();
  useEffect(() => {
    let gone = false;
    const read = async () => {
      const { items } = await ask("category_list");
      if (gone) return;
      const titled = items.map(({ name, title, title_zh }) => [name, (language === "zh-CN" && title_zh) || title || name] as const);
      setTitles(new Map(titled));
    };
    // Without them the names are shown.
    void read().catch(() => {});
    return () => {
      gone = true;
    };
  }, [language]);
  return titles;
}

function Live({ channel, viewers, category }: { channel: ChannelShown; viewers: number; category: string }) {
  const [app = "", stream = channel.name] = channel.stream.split("/");
  const n = count(viewers, locale());
  return (
    <article class="card" data-followed={channel.name}>
      <div class="thumb">
        <Placeholder name={{ app, stream }} />
        <Picture kind="cover" id={channel.cover} width={320} alt="" />
        <span class="badge live">{t("live")}</span>
        {viewers > 0 && <span class="badge right"><Icon name="eye" size={15} /><span aria-hidden="true">{n}</span><span class="offscreen">{t("watching", { n })}</span></span>}
      </div>
      <div class="about">
        <strong><a href={pageOf(channel)}>{titleOf(channel)}</a></strong>
        {category && <span class="app">{category}</span>}
      </div>
    </article>
  );
}
