//! `/account` and what is below it. Loaded when one of its pages is opened.

import { useCallback, useEffect, useState } from "preact/hooks";
import { me, type Account as Known } from "../account/api";
import { Arrive, Prove, Reset, SignIn, SignUp } from "../account/Doors";
import { Back } from "../account/Elsewhere";
import { Mine } from "../account/Mine";
import { a } from "../account/strings";
import "../css/account.css";

type State = { kind: "loading" } | { kind: "down" } | { kind: "nobody" } | { kind: "known"; account: Known };

export function Account() {
  useEffect(() => {
    document.title = `${a("account")} · weir`;
  });
  return <main id="main" class="page account"><Door /></main>;
}

function Door() {
  if (location.pathname.startsWith("/account/oidc/")) return <Back />;
  switch (location.pathname.replace(/\/$/, "")) {
    case "/account/sign-in": return <SignIn />;
    case "/account/sign-up": return <SignUp />;
    case "/account/link": return <Arrive />;
    case "/account/prove": return <Prove />;
    case "/account/reset": return <Reset />;
    default: return <Own />;
  }
}

function Own() {
  const [state, setState] = useState<State>({ kind: "loading" });
  const load = useCallback(async () => {
    setState({ kind: "loading" });
    try {
      const account = await me();
      setState(account ? { kind: "known", account } : { kind: "nobody" });
    } catch {
      setState({ kind: "down" });
    }
  }, []);
  useEffect(() => void load(), [load]);
  if (state.kind === "loading") return <p role="status">{a("loading")}</p>;
  if (state.kind === "nobody") return <SignIn />;
  if (state.kind === "known") return <Mine account={state.account} />;
  return (
    <section class="message" role="alert">
      <h1>{a("down")}</h1>
      <p>{a("downHint")}</p>
      <p><button type="button" class="button" onClick={() => void load()}>{a("retry")}</button></p>
    </section>
  );
}
