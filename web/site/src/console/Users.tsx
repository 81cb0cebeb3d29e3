//! Accounts: found, locked, banned, given roles; where they are signed in.

import { useState } from "preact/hooks";
import type { AccountOrder, AccountView as User, SessionView as Session } from "@weir/api";
import { Form } from "../account/Form";
import { ask } from "../api";
import { Copy } from "../ui/Copy";
import { BanForm } from "./Bans";
import { Act, Card, Choice, Line, Search, Shown, Table, time, useLoaded, usePages } from "./parts";
import { k, type ConsoleKey } from "./strings";

const ROLES = ["viewer", "broadcaster", "moderator", "admin"] as const;

export function Users({ id }: { id: string }) {
  return id ? <OneUser id={id} /> : <AllUsers />;
}

function AllUsers() {
  const [start, setStart] = useState("");
  const list = usePages((behind) => ask("account_list", { query: { ...behind, ...(start && { q: start }) } }), [start]);
  return (
    <>
      <h1>{k("users")}</h1>
      <Search label={k("findUser")} find={setStart} />
      <Shown of={list}>
        {(users) => (
          <Table
            label={k("users")}
            rows={users}
            id={(user) => user.id}
            more={list.more}
            columns={[
              { label: k("name"), cell: (user) => <a href={`/console/users/${user.id}`}>{user.name}</a> },
              { label: k("role"), cell: (user) => k(`role_${user.role}` as ConsoleKey) },
              { label: k("state"), cell: (user) => k(user.state === "active" ? "active" : "suspended") },
              { label: k("joined"), cell: (user) => time(user.created_ms) },
            ]}
          />
        )}
      </Shown>
    </>
  );
}

function OneUser({ id }: { id: string }) {
  const loaded = useLoaded(() => ask("account", { path: { id } }), [id]);
  return (
    <>
      <p><a href="/console/users">{k("back")}</a></p>
      <Shown of={loaded}>{(user) => <Seen user={user} reload={loaded.reload} />}</Shown>
    </>
  );
}

function Seen({ user, reload }: { user: User; reload: () => Promise<void> }) {
  const [banned, setBanned] = useState(false);
  const [link, setLink] = useState("");
  const isLocked = user.state !== "active";
  const change = async (body: AccountOrder) => {
    await ask("account_change", { path: { id: user.id }, body });
    await reload();
  };
  return (
    <>
      <div class="heading">
        <h1>{user.name}</h1>
        <span class="ac-role">{k(`role_${user.role}` as ConsoleKey)}</span>
        <span class="ac-role">{k(isLocked ? "suspended" : "active")}</span>
      </div>
      <p class="ac-mail">{[user.email, user.state_reason].filter(Boolean).join(" · ")}</p>
      <Card title={k("banSomebody")}>
        {banned ? <p role="status">{k("saved")} <a href="/console/bans">{k("bans")}</a></p> : <BanForm channel={null} account={user.name} made={() => setBanned(true)} />}
      </Card>
      <Card title={k("role")}>
        <Form button={k("save")} send={({ role = "" }) => change({ role })}>
          {(wrong) => (
            <>
              <Choice name="role" label={k("role")} value={user.role} options={ROLES.map((role) => [role, k(`role_${role}`)])} />
              {wrong["role"] && <p class="ac-words">{wrong["role"]}</p>}
            </>
          )}
        </Form>
      </Card>
      <Card title={k("state")}>
        {isLocked ? (
          <p><Act label={k("unlock")} act={() => change({ suspended: false })} /></p>
        ) : (
          <Form button={k("lock")} send={({ reason = "" }) => change({ suspended: true, reason })}>
            {(wrong) => <Line name="reason" label={k("lockReason")} required wrong={wrong["reason"]} />}
          </Form>
        )}
        {link ? (
          <div class="ac-fresh" role="status"><p>{k("linkOnce")}</p><Copy label={k("makeLink")} text={link} /></div>
        ) : (
          <p><Act label={k("makeLink")} act={async () => setLink((await ask("account_link", { path: { id: user.id } })).link)} /></p>
        )}
      </Card>
      <Sessions user={user} />
    </>
  );
}

function Sessions({ user }: { user: User }) {
  const loaded = useLoaded(() => ask("account_sessions", { path: { id: user.id } }), [user.id]);
  const end = async (session: Session) => {
    await ask("account_session_end", { path: { id: user.id, session: session.id } });
    await loaded.reload();
  };
  return (
    <Card title={k("signedIn")}>
      <Shown of={loaded}>
        {({ items }) => (
          <Table
            label={k("signedIn")}
            rows={items}
            id={(session) => session.id}
            columns={[
              { label: k("what"), cell: (session) => <span class="co-wrap">{session.agent || session.kind}</span> },
              { label: k("from"), cell: (session) => session.address },
              { label: k("when"), cell: (session) => time(session.used_ms) },
              {
                label: k("actions"),
                cell: (session) => <Act label={k("endSession")} named={session.address} act={() => end(session)} />,
              },
            ]}
          />
        )}
      </Shown>
    </Card>
  );
}
