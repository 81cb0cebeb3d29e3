//! Ways in: sign in, sign up, a link that works once, a forgotten password.

import { useEffect, useState } from "preact/hooks";
import { forgotten, proveAddress, resetPassword, signIn, signInByLink, signUp } from "./api";
import { ProviderButtons } from "./Elsewhere";
import { Field, Form } from "./Form";
import { hasPasskeys, usePasskey } from "./authenticator";
import { a } from "./strings";

const HOME = "/account";

/** `home` is where somebody goes who is in. */
export function SignIn({ home = HOME }: { home?: string }) {
  const [sent, setSent] = useState(false);
  const send = async (values: Record<string, string>) => {
    await signIn(values["login"] ?? "", values["password"] ?? "", values["code"] ?? "");
    location.assign(home);
  };
  const byPasskey = async () => {
    await usePasskey();
    location.assign(HOME);
  };
  const forgot = async (values: Record<string, string>) => {
    await forgotten(values["login"] ?? "");
    setSent(true);
  };
  return (
    <>
      <h1>{a("signIn")}</h1>
      <section class="ac-card">
        <Form button={a("signIn")} send={send}>
          {(wrong) => (
            <>
              <Field name="login" label={a("login")} autocomplete="username" wrong={wrong["login"]} />
              <Field name="password" type="password" label={a("password")} autocomplete="current-password" wrong={wrong["password"]} />
              <Field name="code" label={a("code")} autocomplete="one-time-code" required={false} wrong={wrong["code"]} />
            </>
          )}
        </Form>
        {hasPasskeys() && <Form button={a("signInPasskey")} send={byPasskey} failed={a("passkeyRefused")}>{() => null}</Form>}
        <ProviderButtons home={home} />
        <p>{a("noAccount")} <a href="/account/sign-up">{a("signUp")}</a></p>
        <details>
          <summary>{a("forgot")}</summary>
          {sent ? (
            <p role="status">{a("forgotSent")}</p>
          ) : (
            <Form button={a("forgotSend")} send={forgot}>
              {(wrong) => <Field name="login" label={a("login")} autocomplete="username" wrong={wrong["login"]} />}
            </Form>
          )}
        </details>
      </section>
    </>
  );
}

export function SignUp() {
  const send = async (values: Record<string, string>) => {
    const { name = "", email = "", password = "" } = values;
    await signUp(name, email, password);
    await signIn(name, password, "");
    location.assign(HOME);
  };
  return (
    <>
      <h1>{a("signUp")}</h1>
      <section class="ac-card">
        <Form button={a("signUp")} send={send}>
          {(wrong) => (
            <>
              <Field name="name" label={a("name")} hint={a("nameHint")} autocomplete="username" wrong={wrong["name"]} />
              <Field name="email" type="email" label={a("email")} autocomplete="email" wrong={wrong["email"]} />
              <Field name="password" type="password" label={a("password")} hint={a("passwordHint")} autocomplete="new-password" wrong={wrong["password"]} />
            </>
          )}
        </Form>
        <ProviderButtons home={HOME} />
        <p>{a("haveAccount")} <a href="/account/sign-in">{a("signIn")}</a></p>
      </section>
    </>
  );
}

/** What stands behind `#token=`, taken out of the address so that it stays in no history. */
function takeToken(): string {
  const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
  if (token) history.replaceState(null, "", location.pathname);
  return token;
}

/** Signs in by a link that works once. */
export function Arrive() {
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    signInByLink(takeToken()).then(() => location.replace(HOME), () => setFailed(true));
  }, []);
  return <Outcome words={failed ? a("linkUsed") : a("loading")} failed={failed} />;
}

/** Proves an address by the link that was sent there. */
export function Prove() {
  const [state, setState] = useState<"asking" | "proved" | "failed">("asking");
  useEffect(() => {
    proveAddress(takeToken()).then(() => setState("proved"), () => setState("failed"));
  }, []);
  const words = { asking: a("proving"), proved: a("proved"), failed: a("linkUsed") }[state];
  return <Outcome words={words} failed={state === "failed"} />;
}

/** Sets a new password by the link that was sent for a forgotten one. */
export function Reset() {
  const [token] = useState(takeToken);
  const send = async (values: Record<string, string>) => {
    await resetPassword(token, values["new_password"] ?? "");
    location.assign("/account/sign-in");
  };
  return (
    <>
      <h1>{a("setPassword")}</h1>
      <section class="ac-card">
        <Form button={a("setPassword")} send={send}>
          {(wrong) => (
            <Field name="new_password" type="password" label={a("newPassword")} hint={a("passwordHint")} autocomplete="new-password" wrong={wrong["new_password"]} />
          )}
        </Form>
      </section>
    </>
  );
}

function Outcome({ words, failed }: { words: string; failed: boolean }) {
  return (
    <>
      <h1>{a("account")}</h1>
      <section class="ac-card">
        <p role={failed ? "alert" : "status"}>{words}</p>
        <p><a href={failed ? "/account/sign-in" : HOME}>{failed ? a("signIn") : a("account")}</a></p>
      </section>
    </>
  );
}
