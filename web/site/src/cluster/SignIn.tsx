//! Asks for the admin token.

import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../ui/icons";
import { c } from "./strings";

export function SignIn({ wrong, onToken }: { wrong: boolean; onToken: (token: string) => void }) {
  const [token, setToken] = useState("");
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), [wrong]);
  return (
    <form
      class="cl-card cl-signin"
      onSubmit={(event) => {
        event.preventDefault();
        if (token.trim()) onToken(token.trim());
      }}
    >
      <h2>{c("signIn")}</h2>
      <p>{c("signInIntro")}</p>
      {/* A password manager files the token under this name. */}
      <input class="offscreen" type="text" name="username" value="admin" autocomplete="username" tabIndex={-1} aria-hidden="true" readOnly />
      <label for="cl-token">{c("token")}</label>
      <input
        id="cl-token"
        type="password"
        autocomplete="current-password"
        ref={input}
        spellcheck={false}
        value={token}
        aria-describedby="cl-token-hint"
        aria-invalid={wrong}
        onInput={(event) => setToken(event.currentTarget.value)}
      />
      <p class={wrong ? "cl-wrong" : "cl-wrong none"} role="alert">
        {wrong && <><Icon name="alert" size={18} />{c("tokenWrong")}</>}
      </p>
      <p id="cl-token-hint" class="cl-soft">{c("tokenHint")} {c("tokenKept")}</p>
      <button class="button" type="submit" disabled={!token.trim()}>{c("signIn")}</button>
    </form>
  );
}
