//! Gifts: what there is and what it costs; wallets, and gifts that are given back.

import type { EntryShown, OfferShown as Offer } from "@weir/api";
import { useState } from "preact/hooks";
import { ask } from "../api";
import { Form } from "../account/Form";
import { Act, Card, Choice, Line, Search, Shown, Sure, Table, time, useLoaded, usePages } from "./parts";
import { k, type ConsoleKey } from "./strings";

export function Gifts() {
  return (
    <>
      <h1>{k("gifts")}</h1>
      <Catalogue />
      <Wallets />
    </>
  );
}

function Catalogue() {
  const loaded = useLoaded(() => ask("gift_list"), []);
  const put = async ({ name, ...offer }: Offer) => {
    await ask("gift_set", { path: { name }, body: offer });
    await loaded.reload();
  };
  const set = ({ name = "", title = "", title_zh = "", price, badge = "", animation = "", place, open }: Record<string, string>) =>
    put({ name: name.trim(), title, title_zh, price: Number(price), badge, animation, place: Number(place) || 0, open: open !== "no" });
  const remove = async ({ name }: Offer) => {
    await ask("gift_remove", { path: { name } });
    await loaded.reload();
  };
  return (
    <Card title={k("catalogue")}>
      <Shown of={loaded}>
        {({ items }) => (
          <Table
            label={k("catalogue")}
            rows={items}
            id={({ name }) => name}
            columns={[
              { label: k("name"), cell: ({ name, badge }) => `${badge} ${name}` },
              { label: k("title"), cell: ({ title }) => title },
              { label: k("titleZh"), cell: ({ title_zh }) => <span lang="zh-CN">{title_zh}</span> },
              { label: k("price"), cell: ({ price }) => price },
              { label: k("place"), cell: ({ place }) => place },
              { label: k("onSale"), cell: (one) => <Act label={k(one.open ? "yes" : "no")} named={one.name} act={() => put({ ...one, open: !one.open })} data="open" /> },
              { label: k("actions"), cell: (one) => <Act label={k("remove")} named={one.name} act={() => remove(one)} /> },
            ]}
          />
        )}
      </Shown>
      <Form button={k("save")} send={set}>
        {(wrong) => (
          <div class="ac-pair">
            <Line name="name" label={k("name")} required wrong={wrong["name"]} />
            <Line name="title" label={k("title")} required wrong={wrong["title"]} />
            <Line name="title_zh" label={k("titleZh")} wrong={wrong["title_zh"]} />
            <Line name="price" label={k("price")} required wrong={wrong["price"]} />
            <Line name="badge" label={k("badge")} wrong={wrong["badge"]} />
            <Line name="animation" label={k("animation")} wrong={wrong["animation"]} />
            <Line name="place" label={k("place")} wrong={wrong["place"]} />
            <Choice name="open" label={k("onSale")} value="yes" options={[["yes", k("yes")], ["no", k("no")]]} />
          </div>
        )}
      </Form>
    </Card>
  );
}

function Wallets() {
  const [user, setUser] = useState("");
  return (
    <Card title={k("wallets")}>
      <Search label={k("findWallet")} find={(words) => setUser(words.trim())} />
      {user && <Wallet key={user} user={user} />}
    </Card>
  );
}

function Wallet({ user }: { user: string }) {
  const [coins, setCoins] = useState<number | null>(null);
  const list = usePages(async (query) => {
    const wallet = await ask("wallet_show", { path: { user }, query });
    setCoins(wallet.coins);
    return wallet;
  }, [user]);
  const giveBack = async ({ id }: EntryShown) => {
    await ask("wallet_refund", { path: { user }, body: { gift: id, why: k("giveBack") } });
    await list.reload();
  };
  return (
    <Shown of={list}>
      {(entries) => (
        <>
          <p class="ac-mail" role="status" data-coins>{coins !== null && k("coinsIn", { n: coins.toLocaleString() })}</p>
          <Table
            label={k("wallets")}
            rows={entries}
            id={({ id }) => id}
            more={list.more}
            columns={[
              { label: k("entry"), cell: (one) => `${k(one.kind as ConsoleKey)} · ${one.about}` },
              { label: k("price"), cell: (one) => (one.coins > 0 ? `+${one.coins}` : one.coins) },
              { label: k("when"), cell: (one) => time(one.at_ms) },
              {
                label: k("actions"),
                // One that was given back already is given back once.
                cell: (one) => (one.kind === "gift" ? <Sure label={k("giveBack")} sure={k("giveBackSure")} named={one.about} act={() => giveBack(one)} data="refund" /> : "—"),
              },
            ]}
          />
        </>
      )}
    </Shown>
  );
}
