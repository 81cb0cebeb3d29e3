//! What happened: broadcasts, events, the acts of staff; and the settings of the node.

import { useCallback, useEffect, useState } from "preact/hooks";
import type { EventSeen } from "@weir/api";
import { ask } from "../api";
import { Search, Shown, Table, time, useLoaded, usePages } from "./parts";
import { k } from "./strings";

export function Broadcasts() {
  const list = usePages((query) => ask("broadcasts_list", { query }), []);
  return (
    <>
      <h1>{k("sessions")}</h1>
      <Shown of={list}>
        {(rows) => (
          <Table
            label={k("sessions")}
            rows={rows}
            id={(one) => one.id}
            more={list.more}
            columns={[
              { label: k("stream"), cell: (one) => one.stream },
              { label: k("from"), cell: (one) => `${one.protocol} ${one.address}` },
              { label: k("node"), cell: (one) => one.node },
              { label: k("begun"), cell: (one) => time(one.started_at) },
              { label: k("ended"), cell: (one) => (one.ended_at ? time(one.ended_at) : k("live")) },
              { label: k("cause"), cell: (one) => one.cause_name ?? "—" },
              { label: k("mostViewers"), cell: (one) => one.viewers_max },
            ]}
          />
        )}
      </Shown>
    </>
  );
}

/** Events that are asked for at once, and the pages that are read until the newest is there. */
const [PAGE, PAGES] = [200, 50];

export function Events() {
  const [events, setEvents] = useState<EventSeen[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const reload = useCallback(async () => {
    try {
      let [after, seen] = ["0", [] as EventSeen[]];
      for (let page = 0; page < PAGES; page += 1) {
        const answer = await ask("events_read", { query: { after, limit: PAGE } });
        seen = [...seen, ...answer.events].slice(-PAGE);
        after = answer.next;
        if (answer.events.length < PAGE) break;
      }
      setEvents(seen.reverse());
      setError(null);
    } catch (wrong) {
      setError(wrong);
    }
  }, []);
  useEffect(() => void reload(), [reload]);
  return (
    <>
      <h1>{k("events")}</h1>
      <Shown of={{ value: events, error, reload }}>
        {(rows) => (
          <Table
            label={k("events")}
            rows={rows}
            id={(event) => event.id}
            columns={[
              { label: k("when"), cell: (event) => time(event.at) },
              { label: k("event"), cell: (event) => event.type },
              { label: k("stream"), cell: (event) => event.stream },
              { label: k("cause"), cell: (event) => event.cause_name ?? "—" },
            ]}
          />
        )}
      </Shown>
    </>
  );
}

const json = (value: unknown) => (value === null ? "" : JSON.stringify(value));

export function Audit() {
  const [action, setAction] = useState("");
  const list = usePages((behind) => ask("audit_list", { query: { ...behind, ...(action && { action }) } }), [action]);
  return (
    <>
      <h1>{k("audit")}</h1>
      <Search label={k("actor")} find={setAction} />
      <Shown of={list}>
        {(rows) => (
          <Table
            label={k("audit")}
            rows={rows}
            id={(act) => act.id}
            more={list.more}
            columns={[
              { label: k("when"), cell: (act) => time(act.at) },
              { label: k("who"), cell: (act) => act.name },
              { label: k("act"), cell: (act) => act.action },
              { label: k("object"), cell: (act) => <span class="co-wrap">{act.object}</span> },
              { label: k("from"), cell: (act) => act.address },
              { label: k("change"), cell: (act) => <code class="co-wrap">{[json(act.before), json(act.after)].filter(Boolean).join(" → ") || "—"}</code> },
            ]}
          />
        )}
      </Shown>
    </>
  );
}

export function Settings() {
  const loaded = useLoaded(() => ask("settings"), []);
  return (
    <>
      <h1>{k("settings")}</h1>
      <Shown of={loaded}>
        {({ node, items }) => (
          <>
            <p class="ac-mail">{k("settingsHint", { node })}</p>
            <Table
              label={k("settings")}
              rows={items}
              id={(setting) => setting.name}
              columns={[
                { label: k("key"), cell: (setting) => <code class="co-wrap">{setting.name}</code> },
                { label: k("value"), cell: (setting) => <code class="co-wrap">{JSON.stringify(setting.value)}</code> },
                { label: k("state"), cell: (setting) => [setting.is_set && k("isSet"), setting.needs_restart && k("restart")].filter(Boolean).join(" · ") || "—" },
                { label: k("meaning"), cell: (setting) => <span lang="en" class="co-wrap">{setting.meaning}</span> },
              ]}
            />
          </>
        )}
      </Shown>
    </>
  );
}
