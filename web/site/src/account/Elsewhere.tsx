//! Signing in by a provider elsewhere (OpenID Connect): the buttons, the page that one comes back to, and who one is
//! there.

import { useEffect, useState } from "preact/hooks";
import { locale } from "../i18n";
import { wordsOf } from "../api";
import {
  arriveFrom, arriveWith, departTo, departToLink, identities, linkFrom, providers, unlink,
  type Account, type Identity, type Missing, type Provider, type Returned,
} from "./api";
import { Field, Form } from "./Form";
import { a } from "./strings";

const HOME = "/account";
/** Where somebody goes who is back and in: of this tab, and never a word of an address. */
const NEXT = "weir.next";
/** How the state of a journey begins that links an account. */
const LINK = "link.";

/** Who can say who one is; nobody while that is not known. */
function useProviders(): Provider[] {
  const [list, setList] = useState<Provider[]>([]);
  useEffect(() => void providers().then(setList, () => setList([])), []);
  return list;
}

/** One button for each provider. `home` is where somebody goes who is in. */
export function ProviderButtons({ home }: { home: string }) {
  const list = useProviders();
  const go = (provider: Provider) => async () => {
    const url = await departTo(provider.name);
    sessionStorage.setItem(NEXT, home);
    location.assign(url);
  };
  return (
    <>
      {list.map((provider) => (
        <Form key={provider.name} what={`provider-${provider.name}`} button={a("signInBy", { name: provider.title })} send={go(provider)}>{() => null}</Form>
      ))}
    </>
  );
}

type State = { kind: "coming" } | { kind: "missing"; missing: Missing } | { kind: "failed"; words: string };

/** `/account/oidc/{provider}`: what the provider says is taken out of the address, so that it stays in no history. */
export function Back() {
  const [state, setState] = useState<State>({ kind: "coming" });
  useEffect(() => {
    const returned = takeReturn();
    const arriving = returned.state.startsWith(LINK) ? linkFrom(returned).then(() => leave(HOME)) : arrive(returned);
    arriving.catch((error: unknown) => setState({ kind: "failed", words: wordsOf(error, a("down")) }));
  }, []);
  const arrive = async (returned: Returned) => {
    const arrived = await arriveFrom(returned);
    if (arrived && "missing" in arrived) setState({ kind: "missing", missing: arrived });
    else leave(sessionStorage.getItem(NEXT) ?? HOME);
  };
  if (state.kind === "missing") return <Rest missing={state.missing} />;
  const isFailed = state.kind === "failed";
  return (
    <>
      <h1>{a("signIn")}</h1>
      <section class="ac-card">
        <p role={isFailed ? "alert" : "status"}>{isFailed ? state.words : a("loading")}</p>
        {isFailed && <p><a href="/account/sign-in">{a("signIn")}</a></p>}
      </section>
    </>
  );
}

/** Asks for what is missing: a name for a new account, or a code. */
function Rest({ missing }: { missing: Missing }) {
  const send = async (values: Record<string, string>) => {
    await arriveWith(missing.rest, values["name"] ?? "", values["code"] ?? "");
    leave(sessionStorage.getItem(NEXT) ?? HOME);
  };
  const isCode = missing.missing === "code";
  return (
    <>
      <h1>{a(isCode ? "signIn" : "signUp")}</h1>
      <section class="ac-card">
        <p>{a(isCode ? "codeWanted" : "nameWanted")}{!isCode && missing.name && ` ${a("nameIsTaken", { name: missing.name })}`}</p>
        <Form what="rest" button={a("goOn")} send={send}>
          {(wrong) =>
            isCode ? (
              <Field name="code" label={a("code")} autocomplete="one-time-code" wrong={wrong["code"]} />
            ) : (
              <Field name="name" label={a("name")} hint={a("nameHint")} autocomplete="username" wrong={wrong["name"]} />
            )
          }
        </Form>
      </section>
    </>
  );
}

/** Who one is elsewhere: linked and unlinked. Nothing where there is nobody to be linked with. */
export function Identities({ account }: { account: Account }) {
  const list = useProviders();
  const [linked, setLinked] = useState<Identity[]>([]);
  const load = () => identities().then(setLinked, () => setLinked([]));
  useEffect(() => void load(), []);
  if (list.length === 0 && linked.length === 0) return null;
  const title = (name: string) => list.find((provider) => provider.name === name)?.title ?? name;
  const go = (provider: Provider) => async (values: Record<string, string>) => {
    location.assign(await departToLink(provider.name, values["password"] ?? ""));
  };
  const remove = (identity: Identity) => async (values: Record<string, string>) => {
    await unlink(identity.id, values["password"] ?? "");
    await load();
  };
  const when = (ms: number) => new Date(ms).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "short" });
  return (
    <section class="ac-card" aria-labelledby="ac-identities">
      <h2 id="ac-identities">{a("identities")}</h2>
      <p>{a("identitiesHint")}</p>
      {linked.map((identity) => (
        <details key={identity.id} class="ac-passkey" data-identity={identity.provider}>
          <summary>
            {title(identity.provider)} · {identity.label} · {identity.used_ms ? a("passkeyUsed", { when: when(identity.used_ms) }) : a("keyMade", { when: when(identity.created_ms) })}
          </summary>
          <Form button={a("unlinkNamed", { name: title(identity.provider) })} send={remove(identity)}>
            {(wrong) => <Password account={account} wrong={wrong["password"]} />}
          </Form>
        </details>
      ))}
      {list.map((provider) => (
        <details key={provider.name} data-provider={provider.name}>
          <summary>{a("linkNamed", { name: provider.title })}</summary>
          <Form button={a("linkNamed", { name: provider.title })} send={go(provider)}>
            {(wrong) => <Password account={account} wrong={wrong["password"]} />}
          </Form>
        </details>
      ))}
    </section>
  );
}

function Password({ account, wrong }: { account: Account; wrong: string | undefined }) {
  if (!account.has_password) return null;
  return <Field name="password" type="password" label={a("oldPassword")} autocomplete="current-password" wrong={wrong} />;
}

function takeReturn(): Returned {
  const said = new URLSearchParams(location.search);
  history.replaceState(null, "", location.pathname);
  const part = (name: string) => said.get(name) ?? "";
  return {
    provider: decodeURIComponent(location.pathname.split("/")[3] ?? ""),
    state: part("state"), code: part("code"), iss: part("iss"), error: part("error"),
  };
}

/** Goes to a page of this site, and to no other. */
function leave(page: string): void {
  sessionStorage.removeItem(NEXT);
  const there = new URL(page, location.origin);
  location.replace(there.origin === location.origin ? there.href : HOME);
}
