//! `/studio/gifts`: what one's channels were given, by whom, and what of it is theirs.

import { useEffect, useState } from "preact/hooks";
import { SignIn } from "../account/Doors";
import { ask, Refused } from "../api";
import { Shown, Table, time, usePages } from "../console/parts";
import { coins, forgetOffers, offers, shownOf, type Offer } from "../watch/chat/gifts";
import { c as w } from "../watch/chat/strings";
import "../css/account.css";
import "../css/console.css";

type State = { kind: "loading" } | { kind: "nobody" } | { kind: "down"; words: string } | { kind: "known"; channels: { name: string; title: string }[] };

export function Earnings() {
  const [state, setState] = useState<State>({ kind: "loading" });
  const [list, setList] = useState<readonly Offer[]>([]);
  useEffect(() => {
    document.title = `${w("gifts")} · weir`;
    forgetOffers();
    void offers().then(setList);
    ask("own_channels").then(
      ({ items }) => setState({ kind: "known", channels: items }),
      (error) => {
        const refused = error instanceof Refused ? error : null;
        setState(refused?.status === 401 ? { kind: "nobody" } : { kind: "down", words: refused?.message ?? w("down") });
      },
    );
  }, []);
  return (
    <main id="main" class="page account">
      {state.kind === "loading" && <p role="status">{w("loading")}</p>}
      {state.kind === "nobody" && <SignIn home="/studio/gifts" />}
      {state.kind === "down" && <section class="message" role="alert"><h1>{state.words}</h1></section>}
      {state.kind === "known" && (
        <>
          <div class="heading">
            <h1>{w("gifts")}</h1>
            <a class="button small quiet" href="/studio">{w("studio")}</a>
          </div>
          {state.channels.length === 0 && <p>{w("noChannels")}</p>}
          {state.channels.map(({ name, title }) => <Channel key={name} name={name} title={title || name} list={list} />)}
        </>
      )}
    </main>
  );
}

type Sums = Record<"day" | "week" | "all", { given: number; earned: number; givers: number }>;

function Channel({ name, title, list }: { name: string; title: string; list: readonly Offer[] }) {
  const [sums, setSums] = useState<Sums | null>(null);
  const gifts = usePages(async (query) => {
    const page = await ask("gift_received", { path: { name }, query });
    setSums(page);
    return page;
  }, [name]);
  return (
    <section class="ac-card" aria-labelledby={`gifts-${name}`} data-channel={name}>
      <h2 id={`gifts-${name}`}>{title}</h2>
      {sums && (
        <ul>
          {(["day", "week", "all"] as const).map((span) => (
            <li key={span} data-span={span}>{w(`earned_${span}`, { earned: coins(sums[span].earned), given: coins(sums[span].given), n: sums[span].givers })}</li>
          ))}
        </ul>
      )}
      <Shown of={gifts}>
        {(rows) => (
          <Table
            label={w("gifts")}
            rows={rows}
            id={({ id }) => id}
            none={w("noGifts")}
            more={gifts.more}
            columns={[
              { label: w("giver"), cell: (one) => <bdi>{one.name ?? "—"}</bdi> },
              { label: w("gift"), cell: (one) => `${shownOf(list, one.gift).badge} ${shownOf(list, one.gift).title} × ${one.count}` },
              { label: w("ownCoins"), cell: (one) => (one.refunded ? w("refunded") : coins(one.earned)) },
              { label: w("when"), cell: (one) => time(one.at_ms) },
            ]}
          />
        )}
      </Shown>
    </section>
  );
}
