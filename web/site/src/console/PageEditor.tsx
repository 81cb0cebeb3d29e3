//! One page of the site's own: its words in both languages beside how they will look, when it is shown, what it was.

import type { OwnPage, OwnPageVersion } from "@weir/api";
import { useEffect, useState } from "preact/hooks";
import { ask, askTagged, Refused } from "../api";
import { fieldsOf, previewMs, publishMs, putBack, TONGUES, textOf, writtenOf, type PageStanding, type PageTongue, type Written } from "./page";
import { PagePreview } from "./PagePreview";
import { Standing } from "./PageStanding";
import { PageVersions } from "./PageVersions";
import { Act, Card, Shown, useLoaded } from "./parts";
import { k } from "./strings";

interface Kept {
  page: OwnPage;
  /** Names the version that was read: a change is made to it or not at all. */
  tag: string | null;
}

async function read(id: string): Promise<Kept> {
  const { answer, tag } = await askTagged("page", { path: { id } });
  return { page: answer, tag };
}

export function PageEditor({ id, mayPublish }: { id: string; mayPublish: boolean }) {
  const loaded = useLoaded(() => read(id), [id]);
  return (
    <>
      <p><a href="/console/pages">{k("back")}</a></p>
      <Shown of={loaded}>{(kept) => <Editor first={kept} mayPublish={mayPublish} />}</Shown>
    </>
  );
}

/** What became of the last try to keep it. */
type Outcome =
  | { kind: "none" | "busy" | "kept" | "conflict" }
  | { kind: "put-back"; version: number }
  | { kind: "refused"; words: string; fields: Record<string, string> };

const NONE: Outcome = { kind: "none" };

function Editor({ first, mayPublish }: { first: Kept; mayPublish: boolean }) {
  const [kept, setKept] = useState(first);
  const [written, setWritten] = useState(() => writtenOf(first.page));
  const [tongue, setTongue] = useState<PageTongue>("en");
  const [outcome, setOutcome] = useState<Outcome>(NONE);
  const { page } = kept;
  // Who may not publish leaves what is published as it is.
  const isOpen = mayPublish || page.publish_ms === 0;
  const isChanged = JSON.stringify(written) !== JSON.stringify(writtenOf(page));
  useAskBeforeLeaving(isChanged);
  const change = (part: Partial<Written>) => {
    setWritten({ ...written, ...part });
    if (outcome.kind !== "conflict") setOutcome(NONE);
  };
  const take = (next: Kept) => {
    setKept(next);
    setWritten(writtenOf(next.page));
  };
  const keep = async (tag: string | null) => {
    const publish_ms = mayPublish ? publishMs(written, page.publish_ms) : null;
    if (mayPublish && publish_ms === null) return setOutcome({ kind: "refused", words: "", fields: { publish_ms: k("noTime") } });
    setOutcome({ kind: "busy" });
    try {
      const { answer, tag: next } = await askTagged("page_edit", { path: { id: page.id }, header: { "If-Match": tag }, body: textOf(written, publish_ms) });
      take({ page: answer, tag: next });
      setOutcome({ kind: "kept" });
    } catch (error) {
      setOutcome(failed(error));
    }
  };
  const settle = (theirs: boolean) => async () => {
    const now = await read(page.id);
    if (!theirs) return keep(now.tag);
    take(now);
    setOutcome(NONE);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    if (outcome.kind !== "busy") void keep(kept.tag);
  };
  const wrong = outcome.kind === "refused" ? outcome.fields : {};
  return (
    <>
      <div class="heading">
        <h1 class="co-wrap">{page.title}</h1>
        <span class="ac-role"><Standing page={page} /></span>
      </div>
      <p class="ac-mail">{k(`page_${page.kind}` as "page_notice")} · <a href={page.path}>{page.path}</a></p>
      {!isOpen && <p role="note" class="co-note">{k("publishedNote")}</p>}
      <form class="ac-form co-editor" data-form="page" onSubmit={submit} aria-busy={outcome.kind === "busy"}>
        <Tongues chosen={tongue} choose={setTongue} />
        <div class="co-pair">
          <Words written={written} tongue={tongue} change={change} isOpen={isOpen} wrong={wrong} />
          <PagePreview page={page} written={written} tongue={tongue} publish_ms={previewMs(written, page.publish_ms)} />
        </div>
        <When written={written} change={change} mayPublish={mayPublish} isOpen={isOpen} wrong={wrong} />
        <Said outcome={outcome} settle={settle} />
        {isOpen && <button class="button" disabled={outcome.kind === "busy" || !isChanged}>{k("save")}</button>}
      </form>
      <PageVersions
        page={page}
        tongue={tongue}
        restore={isOpen ? (version: OwnPageVersion) => {
          setWritten(putBack(written, version));
          setOutcome({ kind: "put-back", version: version.version });
        } : null}
      />
      {isOpen && <Removal page={page} />}
    </>
  );
}

function failed(error: unknown): Outcome {
  if (!(error instanceof Refused)) return { kind: "refused", words: k("notSaved"), fields: {} };
  return error.status === 412 || error.status === 409 ? { kind: "conflict" } : { kind: "refused", words: error.message, fields: error.fields };
}

/** What is written and not kept is not lost by a wrong click. */
function useAskBeforeLeaving(isChanged: boolean): void {
  useEffect(() => {
    if (!isChanged) return;
    const stay = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", stay);
    return () => removeEventListener("beforeunload", stay);
  }, [isChanged]);
}

const TONGUE_NAMES = { en: ["English", "en"], zh: ["中文", "zh-CN"] } as const;

function Tongues({ chosen, choose }: { chosen: PageTongue; choose: (tongue: PageTongue) => void }) {
  return (
    <div class="co-row" role="group" aria-label={k("language")}>
      {TONGUES.map((tongue) => {
        const [name, lang] = TONGUE_NAMES[tongue];
        return (
          <button key={tongue} type="button" class="plain" lang={lang} data-tongue={tongue} aria-pressed={tongue === chosen} onClick={() => choose(tongue)}>
            {name}
          </button>
        );
      })}
    </div>
  );
}

interface PartProps {
  written: Written;
  change: (part: Partial<Written>) => void;
  isOpen: boolean;
  wrong: Record<string, string>;
}

function Words({ written, tongue, change, isOpen, wrong }: PartProps & { tongue: PageTongue }) {
  const { title, body } = fieldsOf(tongue);
  const lang = TONGUE_NAMES[tongue][1];
  const about = (field: string) => ({ "aria-invalid": wrong[field] ? ("true" as const) : undefined, "aria-describedby": `co-${field}-said` });
  return (
    <div class="co-words">
      <div class={wrong[title] ? "ac-field wrong" : "ac-field"}>
        <label for={`co-${title}`}>{k("title")}</label>
        <input id={`co-${title}`} name={title} lang={lang} autocomplete="off" maxLength={140} required={tongue === "en"} readOnly={!isOpen} value={written[title]} {...about(title)} onInput={(event) => change({ [title]: event.currentTarget.value })} />
        <span id={`co-${title}-said`} class="ac-said">{wrong[title] ?? (tongue === "zh" ? k("emptyZh") : "")}</span>
      </div>
      <div class={wrong[body] ? "ac-field wrong" : "ac-field"}>
        <label for={`co-${body}`}>{k("markdown")}</label>
        <textarea id={`co-${body}`} name={body} lang={lang} rows={18} readOnly={!isOpen} value={written[body]} {...about(body)} onInput={(event) => change({ [body]: event.currentTarget.value })} />
        <span id={`co-${body}-said`} class="ac-said">{wrong[body] ?? (tongue === "zh" ? k("emptyZh") : "")}</span>
      </div>
    </div>
  );
}

const STANDINGS: PageStanding[] = ["draft", "shown", "later"];

function When({ written, change, mayPublish, isOpen, wrong }: PartProps & { mayPublish: boolean }) {
  return (
    <div class="ac-pair">
      {mayPublish && (
        <div class="ac-field">
          <label for="co-standing">{k("whoSees")}</label>
          <select id="co-standing" name="standing" value={written.standing} onChange={(event) => change({ standing: event.currentTarget.value as PageStanding })}>
            {STANDINGS.map((one) => <option key={one} value={one}>{k(`see_${one}`)}</option>)}
          </select>
        </div>
      )}
      {mayPublish && written.standing === "later" && (
        <div class={wrong["publish_ms"] ? "ac-field wrong" : "ac-field"}>
          <label for="co-at">{k("publishAt")}</label>
          <input id="co-at" name="at" type="datetime-local" required value={written.at} aria-describedby="co-at-said" onInput={(event) => change({ at: event.currentTarget.value })} />
          <span id="co-at-said" class="ac-said">{wrong["publish_ms"] ?? k("ownZone")}</span>
        </div>
      )}
      <div class="ac-field">
        <label for="co-place">{k("place")}</label>
        <input id="co-place" name="place" type="number" step={1} readOnly={!isOpen} value={written.place} onInput={(event) => change({ place: event.currentTarget.value })} />
      </div>
    </div>
  );
}

function Said({ outcome, settle }: { outcome: Outcome; settle: (theirs: boolean) => () => Promise<void> }) {
  if (outcome.kind === "conflict") {
    return (
      <div role="alert" class="co-alert co-note" data-conflict>
        <p><b>{k("conflict")}</b> {k("conflictHint")}</p>
        <div class="co-row">
          <Act label={k("takeTheirs")} act={settle(true)} data="theirs" />
          <Act label={k("keepMine")} act={settle(false)} data="mine" />
        </div>
      </div>
    );
  }
  if (outcome.kind === "refused") return <p role="alert" class="ac-words">{outcome.words}</p>;
  const words = outcome.kind === "kept" ? k("saved") : outcome.kind === "put-back" ? k("putBackHint", { n: outcome.version }) : "";
  return <p role="status" class="co-said">{words}</p>;
}

function Removal({ page }: { page: OwnPage }) {
  const remove = async () => {
    await ask("page_remove", { path: { id: page.id } });
    location.assign("/console/pages");
  };
  return (
    <Card title={k("removePage")}>
      <details>
        <summary>{k("removePageHint")}</summary>
        <Act label={k("removePage")} act={remove} data="remove" />
      </details>
    </Card>
  );
}
