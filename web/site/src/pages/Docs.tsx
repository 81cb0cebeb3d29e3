//! The API for people: its own description, read and drawn. Loaded when its page is opened.

import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { ask } from "../api";
import { Entry } from "../docs/Entry";
import { filterSections, readDocument, type ApiDocument, type CodeRow } from "../docs/model";
import { Prose, Words } from "../docs/Prose";
import { d } from "../docs/strings";
import "../css/docs.css";

const DOCUMENT = "/api/v1/openapi.json";

type State = { kind: "loading" } | { kind: "down" } | { kind: "read"; api: ApiDocument };

export function Docs() {
  const [state, setState] = useState<State>({ kind: "loading" });
  const load = useCallback(async () => {
    setState({ kind: "loading" });
    try {
      setState({ kind: "read", api: readDocument(await ask("document")) });
    } catch {
      setState({ kind: "down" });
    }
  }, []);
  useEffect(() => void load(), [load]);
  useEffect(() => {
    document.title = `${d("title")} · weir`;
    document.documentElement.dataset["docsState"] = state.kind;
  });
  return (
    <main id="main" class="page docs" aria-busy={state.kind === "loading"}>
      <h1>{d("title")}</h1>
      {state.kind === "loading" && <p role="status">{d("loading")}</p>}
      {state.kind === "down" && (
        <section class="message" role="alert">
          <h2>{d("down")}</h2>
          <p>{d("downHint")}</p>
          <p><button type="button" class="button" onClick={() => void load()}>{d("retry")}</button></p>
        </section>
      )}
      {state.kind === "read" && <Read api={state.api} />}
    </main>
  );
}

function Read({ api }: { api: ApiDocument }) {
  const [wanted, setWanted] = useState("");
  const sections = useMemo(() => filterSections(api.sections, wanted), [api, wanted]);
  useEffect(() => {
    reveal();
    addEventListener("hashchange", reveal);
    return () => removeEventListener("hashchange", reveal);
  }, []);
  return (
    <>
      <p class="do-intro">{d("intro")} {d("inEnglish")} {d("version", { version: api.version })} · <a href={DOCUMENT}>{d("raw")}</a></p>
      <div class="do-about"><Prose text={api.words} /></div>
      <nav class="do-contents" aria-label={d("contents")}>
        {api.sections.map((section) => <a key={section.tag} href={`#tag-${section.tag}`}>{section.tag}</a>)}
        <a href="#codes">{d("codes")}</a>
      </nav>
      <label class="do-filter">
        <span>{d("filter")}</span>
        <input type="search" value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} />
      </label>
      {sections.length === 0 && <p role="status">{d("none")}</p>}
      {sections.map((section) => (
        <section key={section.tag} aria-labelledby={`tag-${section.tag}`}>
          <h2 id={`tag-${section.tag}`}>{section.tag}</h2>
          <p class="do-tag" lang="en">{section.words}</p>
          {section.operations.map((operation) => <Entry key={operation.id} operation={operation} />)}
        </section>
      ))}
      <Codes codes={api.codes} />
    </>
  );
}

function Codes({ codes }: { codes: CodeRow[] }) {
  return (
    <section aria-labelledby="codes">
      <h2 id="codes">{d("codes")}</h2>
      <p class="do-tag">{d("codesIntro")}</p>
      <div class="do-scroll" role="region" tabIndex={0} aria-label={d("codesTable")}>
        <table class="do-codes">
          <thead>
            <tr><th scope="col">{d("code")}</th><th scope="col">{d("status")}</th><th scope="col">{d("happened")}</th><th scope="col">{d("advice")}</th></tr>
          </thead>
          <tbody>
            {codes.map((row) => (
              <tr key={row.code} id={`e${row.code}`}>
                <th scope="row">{row.code} <code>{row.name}</code></th>
                <td>{row.status ?? "–"}</td>
                <td lang="en"><Words text={row.message} /></td>
                <td lang="en"><Words text={row.advice} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** What the address names is not there until the description is: `type` of every refusal leads here. */
function reveal(): void {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named instanceof HTMLDetailsElement) named.open = true;
  named?.scrollIntoView({ block: "center" });
}
