//! Channels: found, changed, their keys and team, who is banned there.

import { useState } from "preact/hooks";
import type { ListedKey, TeamMember } from "@weir/api";
import { Form } from "../account/Form";
import { ask } from "../api";
import { Moderation } from "./Bans";
import { enc } from "./api";
import { Act, Card, Choice, Line, Search, Shown, Table, time, useLoaded, usePages } from "./parts";
import { k, type ConsoleKey } from "./strings";

export function Channels({ id }: { id: string }) {
  return id ? <OneChannel name={id} /> : <AllChannels />;
}

function AllChannels() {
  const [words, setWords] = useState("");
  const list = usePages((behind) => ask("channel_list", { query: { ...behind, ...(words && { q: words }) } }), [words]);
  return (
    <>
      <h1>{k("channels")}</h1>
      <Search label={k("findChannel")} find={setWords} />
      <Shown of={list}>
        {(channels) => (
          <Table
            label={k("channels")}
            rows={channels}
            id={(channel) => channel.name}
            more={list.more}
            columns={[
              { label: k("name"), cell: (channel) => <a href={`/console/channels/${enc(channel.name)}`}>{channel.name}</a> },
              { label: k("title"), cell: (channel) => <span class="co-wrap">{channel.title}</span> },
              { label: k("categories"), cell: (channel) => channel.category || "—" },
              { label: k("viewers"), cell: (channel) => (channel.live ? channel.viewers : "—") },
            ]}
          />
        )}
      </Shown>
    </>
  );
}

function OneChannel({ name }: { name: string }) {
  const loaded = useLoaded(() => ask("channel", { path: { name } }), [name]);
  const save = async (values: Record<string, string>) => {
    const { title = "", category = "", record = "app", visibility } = values;
    await ask("channel_edit", { path: { name }, body: { title, category, record, ...(visibility && { visibility }) } });
    await loaded.reload();
  };
  const remove = async () => {
    await ask("channel_remove", { path: { name } });
    location.assign("/console/channels");
  };
  return (
    <>
      <p><a href="/console/channels">{k("back")}</a></p>
      <Shown of={loaded}>
        {(channel) => (
          <>
            <div class="heading">
              <h1>{channel.title || channel.name}</h1>
              <a class="button small" href={`/c/${enc(name)}`}>{k("watchIt")}</a>
            </div>
            <p class="ac-mail">{channel.name} · <a href={`/console/users/${channel.owner}`}>{k("owner")}</a></p>
            <Card title={k("what")}>
              <Form button={k("save")} send={save}>
                {(wrong) => (
                  <div class="ac-pair">
                    <Line name="title" label={k("title")} value={channel.title} required wrong={wrong["title"]} />
                    <Line name="category" label={k("categories")} value={channel.category} wrong={wrong["category"]} />
                    <Choice name="record" label={k("recordIt")} value={channel.record} options={[["app", k("recordApp")], ["on", k("recordOn")], ["off", k("recordOff")]]} />
                    {["public", "unlisted"].includes(channel.visibility) && (
                      <Choice name="visibility" label={k("visibility")} value={channel.visibility} options={[["public", k("public")], ["unlisted", k("unlisted")]]} />
                    )}
                  </div>
                )}
              </Form>
              <details><summary>{k("removeChannel")}</summary><Act label={k("removeChannel")} act={remove} /></details>
            </Card>
            <Keys channel={name} />
            <Team channel={name} />
            <Moderation channel={name} />
          </>
        )}
      </Shown>
    </>
  );
}

function Keys({ channel }: { channel: string }) {
  const loaded = useLoaded(() => ask("key_list", { path: { name: channel } }), [channel]);
  const revoke = async (key: ListedKey) => {
    await ask("key_revoke", { path: { name: channel, id: key.id } });
    await loaded.reload();
  };
  const used = (key: ListedKey) => (key.used_ms ? k("usedFrom", { when: time(key.used_ms), address: key.used_address ?? "—" }) : k("neverUsed"));
  return (
    <Card title={k("keys")}>
      <Shown of={loaded}>
        {({ items }) => (
          <Table
            label={k("keys")}
            rows={items}
            id={(key) => key.id}
            columns={[
              { label: k("when"), cell: (key) => time(key.created_ms) },
              { label: k("from"), cell: used },
              {
                label: k("actions"),
                cell: (key) =>
                  key.revoked_ms ? k("revoked") : <Act label={k("revoke")} named={time(key.created_ms)} act={() => revoke(key)} />,
              },
            ]}
          />
        )}
      </Shown>
    </Card>
  );
}

/** Who helps with a channel. */
export function Team({ channel }: { channel: string }) {
  const loaded = useLoaded(() => ask("team", { path: { name: channel } }), [channel]);
  const set = async ({ account = "", role = "" }: Record<string, string>) => {
    await ask("team_set", { path: { name: channel }, body: { account, role } });
    await loaded.reload();
  };
  const remove = async (member: TeamMember) => {
    await ask("team_remove", { path: { name: channel, id: member.id } });
    await loaded.reload();
  };
  return (
    <Card title={k("team")}>
      <Shown of={loaded}>
        {({ items }) => (
          <Table
            label={k("team")}
            rows={items}
            id={(member) => member.id}
            columns={[
              { label: k("name"), cell: (member) => member.name ?? "—" },
              { label: k("role"), cell: (member) => k(member.role as ConsoleKey) },
              { label: k("actions"), cell: (member) => <Act label={k("remove")} named={member.name ?? "—"} act={() => remove(member)} /> },
            ]}
          />
        )}
      </Shown>
      <Form button={k("help")} send={set}>
        {(wrong) => (
          <div class="ac-pair">
            <Line name="account" label={k("helper")} required wrong={wrong["account"]} />
            <Choice name="role" label={k("role")} options={[["moderator", k("moderator")], ["editor", k("editor")], ["guest", k("guest")]]} />
          </div>
        )}
      </Form>
    </Card>
  );
}
