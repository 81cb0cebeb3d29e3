//! Hooks: who is told of events, what was delivered, and sending again.

import { useState } from "preact/hooks";
import type { DeliverySeen as Delivery, HookSeen as Hook } from "@weir/api";
import { Form } from "../account/Form";
import { ask } from "../api";
import { Copy } from "../ui/Copy";
import { Act, Card, Choice, Line, Shown, Table, time, useLoaded, usePages } from "./parts";
import { k, type ConsoleKey } from "./strings";

export function Hooks({ id }: { id: string }) {
  return id ? <OneHook id={id} /> : <AllHooks />;
}

const stateOf = (hook: Hook) => k(hook.state === "paused" ? "paused" : "active");

function AllHooks() {
  const list = usePages((query) => ask("hooks_list", { query }), []);
  const [secret, setSecret] = useState("");
  const add = async ({ url = "", app = "", types = "", dialect = "" }: Record<string, string>) => {
    const body = { url: url.trim(), app: app.trim(), types: types.split(/\s+/).filter(Boolean), dialect };
    setSecret((await ask("hook_create", { body })).secret);
    await list.reload();
  };
  return (
    <>
      <h1>{k("hooks")}</h1>
      <Shown of={list}>
        {(hooks) => (
          <Table
            label={k("hooks")}
            rows={hooks}
            id={(hook) => hook.id}
            more={list.more}
            columns={[
              { label: k("url"), cell: (hook) => <a class="co-wrap" href={`/console/hooks/${hook.id}`}>{hook.url}</a> },
              { label: k("app"), cell: (hook) => hook.app || k("allApps") },
              { label: k("event"), cell: (hook) => <span class="co-wrap">{hook.types.join(" ") || k("allTypes")}</span> },
              { label: k("state"), cell: stateOf },
            ]}
          />
        )}
      </Shown>
      <Card title={k("add")}>
        {secret && <div class="ac-fresh" role="status"><p>{k("secretOnce")}</p><Copy label={k("key")} text={secret} /></div>}
        <Form button={k("add")} send={add}>
          {(wrong) => (
            <div class="ac-pair">
              <Line name="url" label={k("url")} required wrong={wrong["url"]} />
              <Line name="app" label={k("app")} wrong={wrong["app"]} />
              <Line name="types" label={k("types")} wrong={wrong["types"]} />
              <Choice name="dialect" label={k("kind")} options={[["standard", "Standard Webhooks"], ["srs", "SRS"], ["tencent", "Tencent"]]} />
            </div>
          )}
        </Form>
      </Card>
    </>
  );
}

function OneHook({ id }: { id: string }) {
  const loaded = useLoaded(() => ask("hook", { path: { id } }), [id]);
  const list = usePages((query) => ask("hook_deliveries", { path: { id }, query }), [id]);
  const change = async (state: string) => {
    await ask("hook_change", { path: { id }, body: { state } });
    await loaded.reload();
  };
  const remove = async () => {
    await ask("hook_remove", { path: { id } });
    location.assign("/console/hooks");
  };
  const again = async (delivery: Delivery) => {
    await ask("hook_deliver_again", { path: { id, delivery: delivery.id } });
    await list.reload();
  };
  return (
    <>
      <p><a href="/console/hooks">{k("back")}</a></p>
      <Shown of={loaded}>
        {(hook) => (
          <>
            <h1 class="co-wrap">{hook.url}</h1>
            <p class="ac-mail">{[hook.app || k("allApps"), hook.types.join(" ") || k("allTypes"), hook.dialect, stateOf(hook)].join(" · ")}</p>
            <p class="co-row">
              {hook.state === "paused" ? <Act label={k("resume")} act={() => change("active")} /> : <Act label={k("pause")} act={() => change("paused")} />}
              <Act label={k("remove")} act={remove} />
            </p>
          </>
        )}
      </Shown>
      <Card title={k("deliveries")}>
        <Shown of={list}>
          {(deliveries) => (
            <Table
              label={k("deliveries")}
              rows={deliveries}
              id={(one) => one.id}
              more={list.more}
              columns={[
                { label: k("event"), cell: (one) => one.type },
                { label: k("stream"), cell: (one) => one.stream },
                { label: k("state"), cell: (one) => k(one.state as ConsoleKey) },
                { label: k("tries"), cell: (one) => one.tries },
                { label: k("answered"), cell: (one) => <span class="co-wrap">{[one.status, one.words].filter(Boolean).join(" ") || (one.next_at ? time(one.next_at) : "—")}</span> },
                { label: k("actions"), cell: (one) => one.state !== "waiting" && <Act label={k("again")} named={one.id} act={() => again(one)} /> },
              ]}
            />
          )}
        </Shown>
      </Card>
    </>
  );
}
