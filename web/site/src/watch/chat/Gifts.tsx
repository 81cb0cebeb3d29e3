//! What can be given to the channel of this stream, what one has to spend, and who gave most today.

import type { GiftGiven, TopGivers } from "@weir/api";
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, Refused } from "../../api";
import { count as counted } from "../../format";
import { locale } from "../../i18n";
import { coins, COUNTS, forgetOffers, isOver, offers, orderOf, send, shownOf, type Offer, type Order } from "./gifts";
import { c, type Key } from "./strings";
import { isGuest } from "./useRoom";
import { Icon } from "../../ui/icons";

const SPANS = ["hour", "day", "week"] as const;
type Span = (typeof SPANS)[number];

/** Words for refusals that somebody can do something about. */
const WORDS: Record<string, Key> = {
  not_enough_coins: "giftPoor",
  unknown_gift: "giftClosed",
  gift_closed: "giftClosed",
  gift_price: "giftPrice",
  gift_limit: "giftLimit",
  rate_limited: "error_too_fast",
};

/** The server reads its boards no more often, with something for the way. */
const BOARD_KEPT_MS = 2_200;

export function Gifts({ stream, own }: { stream: string; own: string }) {
  const channel = stream.startsWith("live/") ? stream.slice("live/".length) : "";
  const [list, setList] = useState<readonly Offer[]>([]);
  const [top, setTop] = useState<TopGivers | null>(null);
  const [span, setSpan] = useState<Span>("day");
  const [isOpen, setIsOpen] = useState(false);
  const [given, setGiven] = useState(0);
  const load = () => void offers().then((all) => setList(all.filter((one) => one.open)));
  useEffect(load, []);
  // What cannot be read stays as it was.
  const readTop = () => void ask("gift_top", { path: { name: channel }, query: { span } }).then(setTop, () => {});
  useEffect(() => {
    // A stream that is no channel's has nobody to give to.
    if (channel) readTop();
  }, [channel, span, isOpen]);
  useEffect(() => {
    if (given === 0) return;
    const timer = setTimeout(readTop, BOARD_KEPT_MS);
    return () => clearTimeout(timer);
  }, [given]);
  if (!channel || list.length === 0 || top === null) return null;
  return (
    <section class="gifts" aria-label={c("gifts")}>
      <button type="button" class="plain gifts-open" aria-expanded={isOpen} aria-controls="gifts-body" onClick={() => setIsOpen(!isOpen)}>
        <Icon name="gift" size={18} /> {c("gifts")}
      </button>
      <div id="gifts-body" hidden={!isOpen}>
        {isOpen && (
          <>
            {isGuest(own) ? <p class="chat-doors"><a class="button small" href="/account/sign-in">{c("signInToGive")}</a></p> : <Counter channel={channel} list={list} onStale={() => (forgetOffers(), load())} onGiven={() => setGiven(given + 1)} />}
            <Givers top={top} span={span} onSpan={setSpan} />
          </>
        )}
      </div>
    </section>
  );
}

interface CounterProps {
  channel: string;
  list: readonly Offer[];
  /** The catalogue is another by now. */
  onStale: () => void;
  onGiven: () => void;
}

function Counter({ channel, list, onStale, onGiven }: CounterProps) {
  const [has, setHas] = useState<number | null>(null);
  const [chosen, setChosen] = useState(list[0]!.name);
  const [count, setCount] = useState<number>(1);
  const [isBusy, setIsBusy] = useState(false);
  const [told, setTold] = useState("");
  const open = useRef<Order | null>(null);
  const offer = list.find((one) => one.name === chosen) ?? list[0]!;
  useEffect(() => void ask("wallet", { query: { limit: 1 } }).then(({ coins }) => setHas(coins), () => {}), []);
  const given = (answer: GiftGiven, order: Order) => {
    open.current = null;
    setHas(answer.coins);
    onGiven();
    setTold(c("giftSent", { gift: shownOf(list, order.body.gift).title, n: answer.combo.count }));
  };
  const refused = (error: unknown) => {
    if (isOver(error)) open.current = null;
    const name = error instanceof Refused ? error.problem.name ?? "" : "";
    // The same order goes out again, under the same key: it is paid once.
    setTold(c(WORDS[name] ?? "giftUnsure"));
    if (name in WORDS && name !== "rate_limited") {
      open.current = null;
      onStale();
    }
  };
  const give = async () => {
    const order = (open.current ??= orderOf({ channel, gift: offer.name, count, combo: true, price: offer.price }));
    setIsBusy(true);
    setTold("");
    try {
      given(await send(order), order);
    } catch (error) {
      refused(error);
    }
    setIsBusy(false);
  };
  // What is chosen anew is another order.
  const choose = (set: () => void) => {
    open.current = null;
    set();
  };
  return (
    <form class="gifts-counter" onSubmit={(event) => (event.preventDefault(), void give())}>
      <fieldset class="gifts-list">
        <legend class="gifts-has">{has === null ? c("gifts") : c("coinsLeft", { n: coins(has) })}</legend>
        {list.map((one) => (
          <label key={one.name} class="gift-card">
            <input type="radio" name="gift" value={one.name} checked={one.name === offer.name} onChange={() => choose(() => setChosen(one.name))} />
            <span class="gift-badge" aria-hidden="true">{shownOf(list, one.name).badge}</span>
            <span class="gift-title">{shownOf(list, one.name).title}</span>
            <span class="gift-price">{c("coins", { n: coins(one.price) })}</span>
          </label>
        ))}
      </fieldset>
      <div class="gifts-send">
        <label>{c("howMany")}{" "}
          <select name="count" value={String(count)} onChange={({ currentTarget }) => choose(() => setCount(Number(currentTarget.value)))}>
            {COUNTS.map((n) => <option key={n} value={String(n)}>{n}</option>)}
          </select>
        </label>
        <button type="submit" class="button" disabled={isBusy}>{c("give", { n: coins(offer.price * count) })}</button>
      </div>
      <p class="gifts-told" role="status">{told}</p>
    </form>
  );
}

function Givers({ top, span, onSpan }: { top: TopGivers; span: Span; onSpan: (span: Span) => void }) {
  return (
    <div class="gifts-top">
      <label>{c("topGivers")}{" "}
        <select name="span" value={span} onChange={({ currentTarget }) => onSpan(currentTarget.value as Span)}>
          {SPANS.map((one) => <option key={one} value={one}>{c(`span_${one}`)}</option>)}
        </select>
      </label>
      {top.items.length === 0 ? <p class="chat-empty">{c("noGivers")}</p> : (
        <ol>
          {top.items.slice(0, 10).map(({ id, name, coins: n }) => <li key={id}><bdi>{name ?? "—"}</bdi> <span>{c("coins", { n: counted(n, locale()) })}</span></li>)}
        </ol>
      )}
    </div>
  );
}
