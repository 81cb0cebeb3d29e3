//! App, stream name and key.

import { useState } from "preact/hooks";
import type { AppRules } from "./api";
import { TextField } from "./Fields";
import { Glyph } from "./icons";
import type { Settings } from "./settings";
import { s } from "./strings";
import { authFromKey, friendlyName, keyOf, nameFault, parseAddress, type Pasted } from "./target";
import { Icon } from "../ui/icons";

interface Props {
  settings: Settings;
  auth: string;
  rules: AppRules | null;
  keyInput: { current: HTMLInputElement | null };
  nameInput: { current: HTMLInputElement | null };
  onSettings: (change: Partial<Settings>) => void;
  onAuth: (auth: string) => void;
  onPasted: (pasted: Pasted) => void;
}

export function Where({ settings, auth, rules, keyInput, nameInput, onSettings, onAuth, onPasted }: Props) {
  const [shown, setShown] = useState(false);
  const [host, setHost] = useState<string | null>(null);
  const paste = (text: string): boolean => {
    const pasted = parseAddress(text);
    if (!pasted) return false;
    setHost(pasted.host && pasted.host.replace(/:\d+$/, "") !== location.hostname ? pasted.host : null);
    onPasted(pasted);
    return true;
  };
  const type = (text: string, otherwise: (text: string) => void) => {
    if (!text.includes("://") || !paste(text)) otherwise(text);
  };
  const appFault = nameFault(settings.app, true);
  const streamFault = nameFault(settings.stream, false);
  const key = keyOf(auth);
  return (
    <section class="st-card" aria-labelledby="st-where">
      <h2 id="st-where">{s("where")}</h2>
      <div class="st-names">
        <TextField
          label={s("app")}
          value={settings.app}
          fault={appFault ? s(appFault) : undefined}
          onText={(text) => type(text, (app) => onSettings({ app: app.trim() }))}
          onPaste={paste}
        />
        <TextField
          label={s("stream")}
          value={settings.stream}
          inputRef={nameInput}
          fault={streamFault ? s(streamFault) : undefined}
          onText={(text) => type(text, (stream) => onSettings({ stream: stream.trim() }))}
          onPaste={paste}
        >
          {rules?.publish === "open" && <button type="button" class="plain square" aria-label={s("otherName")} title={s("otherName")} onClick={() => onSettings({ stream: friendlyName() })}>
            <Glyph name="dice" />
          </button>}
        </TextField>
      </div>
      {host && <p class="st-hint">{s("otherHost", { host })}</p>}
      {rules?.publish === "open" ? (
        <p class="st-hint open"><Icon name="check" size={16} />{s("keyNotNeeded")}</p>
      ) : key === null ? (
        <p class="st-signed">
          <span><Icon name="check" size={16} />{s("keySigned")}</span>
          <button type="button" class="plain" onClick={() => onAuth("")}>{s("keyClear")}</button>
        </p>
      ) : (
        <>
          <TextField
            label={s("key")}
            type={shown ? "text" : "password"}
            value={key}
            inputRef={keyInput}
            hint={key ? undefined : s("keyHint")}
            onText={(text) => type(text, (typed) => onAuth(authFromKey(typed)))}
            onPaste={paste}
          >
            <button type="button" class="plain square" aria-label={s(shown ? "keyHide" : "keyShow")} title={s(shown ? "keyHide" : "keyShow")} aria-pressed={shown} onClick={() => setShown(!shown)}>
              <Icon name="eye" size={20} />
            </button>
          </TextField>
          {key && (
            <label class="st-check">
              <input type="checkbox" checked={settings.keep} onChange={(event) => onSettings({ keep: event.currentTarget.checked })} />
              {s("keep")}
            </label>
          )}
        </>
      )}
    </section>
  );
}
