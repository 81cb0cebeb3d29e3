//! `/console` and what is below it: how the site is run. Loaded when it is opened, and each part of it by itself.

import type { ComponentType } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import { me, signOut, type Account } from "../account/api";
import { ask, Refused } from "../api";
import { SignIn } from "../account/Doors";
import { SignIn as TokenSignIn } from "../cluster/SignIn";
import { begin, setToken } from "../console/api";
import { k, type ConsoleKey } from "../console/strings";
import "../css/account.css";
import "../css/cluster.css";
import "../css/console.css";

interface SectionProps {
  /** What stands behind the section in the address, decoded. */
  id: string;
  /** May do all that staff may. */
  isAdmin: boolean;
  /** Nobody is let in any more, or nobody wants to be. */
  onLeave: (denied: boolean) => void;
}

type Section = ComponentType<SectionProps>;

/** Parts by their first level, with the least role that opens them. */
const SECTIONS: [name: string, key: ConsoleKey, adminsOnly: boolean, load: () => Promise<Section>][] = [
  ["streams", "streams", false, () => import("../console/Streams").then((page) => page.Streams)],
  ["review", "review", false, () => import("../console/review/Review").then((page) => page.Review)],
  ["nodes", "nodes", true, () => import("./Cluster").then((page) => page.Cluster)],
  ["broadcasts", "sessions", false, () => import("../console/Logs").then((page) => page.Broadcasts)],
  ["recordings", "recordings", false, () => import("../console/Recordings").then((page) => page.Recordings)],
  ["channels", "channels", false, () => import("../console/Channels").then((page) => page.Channels)],
  ["users", "users", false, () => import("../console/Users").then((page) => page.Users)],
  ["bans", "bans", false, () => import("../console/Bans").then((page) => page.Bans)],
  ["apps", "apps", true, () => import("../console/Apps").then((page) => page.Apps)],
  ["gifts", "gifts", true, () => import("../console/Gifts").then((page) => page.Gifts)],
  ["hooks", "hooks", true, () => import("../console/Hooks").then((page) => page.Hooks)],
  ["pages", "pages", false, () => import("../console/Pages").then((page) => page.Pages)],
  ["events", "events", false, () => import("../console/Logs").then((page) => page.Events)],
  ["audit", "audit", true, () => import("../console/Logs").then((page) => page.Audit)],
  ["settings", "settings", true, () => import("../console/Logs").then((page) => page.Settings)],
];

type State = { kind: "asking" } | { kind: "nobody"; wrong: boolean } | { kind: "stranger"; name: string } | { kind: "staff"; isAdmin: boolean; reviews?: boolean; name: string };

async function who(): Promise<State> {
  const token = begin();
  if (token) return { kind: "staff", isAdmin: true, name: "" };
  let account: Account | null = null;
  try {
    account = await me();
  } catch (error) {
    // A node that keeps no accounts has the operator's token alone.
    if (!(error instanceof Refused)) throw error;
  }
  if (!account) return { kind: "nobody", wrong: false };
  const isStaff = ["moderator", "admin"].includes(account.role);
  if (isStaff) return { kind: "staff", isAdmin: account.role === "admin", name: account.name };
  return (await mayReview()) ? { kind: "staff", isAdmin: false, reviews: true, name: account.name } : { kind: "stranger", name: account.name };
}

/** Whether an account without a role sees the review of some apps. */
const mayReview = () => ask("review_self").then(() => true, (error: unknown) => {
  if (error instanceof Refused) return false;
  throw error;
});

export function Console() {
  const [state, setState] = useState<State>({ kind: "asking" });
  useEffect(() => {
    document.title = `${k("console")} · weir`;
  });
  const load = useCallback(() => who().then(setState, () => setState({ kind: "nobody", wrong: false })), []);
  useEffect(() => void load(), [load]);
  const withToken = (token: string) => {
    setToken(token);
    setState({ kind: "staff", isAdmin: true, name: "" });
  };
  const leave = (denied: boolean) => {
    setToken("");
    if (denied) setState({ kind: "nobody", wrong: true });
    else void signOut().catch(() => {}).finally(() => location.assign("/console"));
  };
  if (state.kind === "staff") return <Board state={state} leave={leave} />;
  return (
    <main id="main" class="page account console">
      {state.kind === "asking" && <p role="status">{k("loading")}</p>}
      {state.kind === "stranger" && (
        <section class="message" role="alert">
          <h1>{k("notStaff")}</h1>
          <p>{k("notStaffHint", { name: state.name })}</p>
        </section>
      )}
      {state.kind === "nobody" && <SignIn home={location.pathname} />}
      {state.kind !== "asking" && (
        <details class="ac-card" open={state.kind === "nobody" && state.wrong}>
          <summary>{k("tokenInstead")}</summary>
          <TokenSignIn wrong={state.kind === "nobody" && state.wrong} onToken={withToken} />
        </details>
      )}
    </main>
  );
}

function Board({ state, leave }: { state: { isAdmin: boolean; reviews?: boolean }; leave: (denied: boolean) => void }) {
  const [first = "", ...rest] = location.pathname.replace(/^\/console\/?/, "").replace(/\/$/, "").split("/").map(decodeURIComponent);
  const may = SECTIONS.filter(([name, , adminsOnly]) => (state.reviews ? name === "review" : state.isAdmin || !adminsOnly));
  const chosen = may.find(([name]) => name === (first || may[0]?.[0]));
  const [page, setPage] = useState<{ Page: Section } | null>(null);
  useEffect(() => void chosen?.[3]().then((Page) => setPage({ Page })), []);
  return (
    <div class="page console co-board">
      <nav class="co-nav" aria-label={k("sections")}>
        <ul>
          {may.map(([name, key]) => (
            <li key={name}><a href={`/console/${name}`} aria-current={name === chosen?.[0] ? "page" : undefined}>{k(key)}</a></li>
          ))}
        </ul>
        <button type="button" class="plain" onClick={() => leave(false)}>{k("signOut")}</button>
      </nav>
      <main id="main" class={chosen?.[0] === "nodes" ? "co-main cluster" : "co-main"} aria-busy={page === null}>
        {!chosen && <p role="alert">{k("refused")}</p>}
        {page && <page.Page id={rest.join("/")} isAdmin={state.isAdmin} onLeave={leave} />}
      </main>
    </div>
  );
}
