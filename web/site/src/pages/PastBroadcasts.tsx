//! `/studio/recordings`: what one has broadcast. What it is called, whether it is shown, a piece of it, a copy of it, and
//! taking it away.

import { useCallback, useEffect, useState } from "preact/hooks";
import { SignIn } from "../account/Doors";
import { Form } from "../account/Form";
import { ask, Refused, wordsOf } from "../api";
import { duration } from "../format";
import { Placeholder } from "../ui/Placeholder";
import { Sure } from "../ui/Sure";
import { begunAt, isPlayable, missingIn, replayPath, size, type Replay } from "../watch/replays";
import { v, type ReplayKey } from "../watch/strings";
import "../css/account.css";

type State = { kind: "loading" } | { kind: "nobody" } | { kind: "down"; words: string } | { kind: "known"; items: Replay[]; next: string | null };

export function PastBroadcasts() {
  const [state, setState] = useState<State>({ kind: "loading" });
  const load = useCallback(async (after: string | null, before: Replay[]) => {
    try {
      const { items, next } = await ask("recording_list", { query: after ? { after } : {} });
      setState({ kind: "known", items: [...before, ...items], next: next ?? null });
    } catch (error) {
      const refused = error instanceof Refused ? error : null;
      setState(refused?.status === 401 ? { kind: "nobody" } : { kind: "down", words: refused?.message ?? v("down") });
    }
  }, []);
  useEffect(() => {
    document.title = `${v("yours")} · weir`;
    void load(null, []);
  }, [load]);
  const change = (items: Replay[]) => state.kind === "known" && setState({ ...state, items });
  return (
    <main id="main" class="page account past-broadcasts">
      {state.kind === "loading" && <p role="status">{v("loading")}</p>}
      {state.kind === "nobody" && <SignIn home="/studio/recordings" />}
      {state.kind === "down" && (
        <section class="message" role="alert">
          <h1>{state.words}</h1>
          <p><button type="button" class="button" onClick={() => void load(null, [])}>{v("retry")}</button></p>
        </section>
      )}
      {state.kind === "known" && (
        <>
          <div class="heading">
            <h1>{v("yours")}</h1>
            <a class="button small quiet" href="/studio">{v("studio")}</a>
          </div>
          {state.items.length === 0 && <p>{v("none")}</p>}
          {state.items.map((one) => (
            <One
              key={one.id}
              replay={one}
              changed={(now) => change(state.items.map((each) => (each.id === now.id ? now : each)))}
              removed={() => change(state.items.filter((each) => each.id !== one.id))}
            />
          ))}
          {state.next && <p><button type="button" class="button small quiet" onClick={() => void load(state.next, state.items)}>{v("more")}</button></p>}
        </>
      )}
    </main>
  );
}

interface OneProps {
  replay: Replay;
  changed: (now: Replay) => void;
  removed: () => void;
}

function One({ replay, changed, removed }: OneProps) {
  const { id, title } = replay;
  const [editing, setEditing] = useState(false);
  const edit = async (body: { title?: string; published?: boolean }) => {
    changed(await ask("recording_edit", { path: { id }, body }));
    setEditing(false);
  };
  const name = title || replay.stream;
  return (
    <article class="ac-card past" data-recording={id} aria-labelledby={`t-${id}`}>
      <a class="replay-picture" href={replayPath(replay)} tabIndex={-1} aria-hidden="true">
        {replay.poster ? <img src={replay.poster} alt="" loading="lazy" decoding="async" /> : <Placeholder name={replay} />}
        <span class="length">{duration(replay.duration_ms)}</span>
      </a>
      <div class="past-words">
        <h2 id={`t-${id}`}><a href={replayPath(replay)}>{name}</a></h2>
        <p class="ac-mail">{replay.channel ?? `${replay.app}/${replay.stream}`} · {begunAt(replay)} · {size(replay.bytes)}</p>
        <p class="ac-mail" data-standing>{standingOf(replay)}</p>
        {editing ? (
          <Form what="title" button={v("save")} send={(values) => edit({ title: values["title"]?.trim() ?? "" })}>
            {(wrong) => <TitleField value={title} wrong={wrong["title"]} />}
          </Form>
        ) : (
          <p class="past-acts">
            <button type="button" class="button small quiet" aria-label={`${v("rename")}: ${name}`} data-act="rename" onClick={() => setEditing(true)}>{v("rename")}</button>
            <Publish replay={replay} name={name} edit={edit} />
            {isPlayable(replay) && <More replay={replay} name={name} />}
            {replay.state !== "recording" && (
              <Sure label={v("remove")} sure={v("removeForGood")} keep={v("keepIt")} failed={v("down")} named={name} data="remove" act={() => ask("recording_remove", { path: { id } }).then(removed)} />
            )}
          </p>
        )}
      </div>
    </article>
  );
}

/** What of it can be seen, and by whom, in one line. */
function standingOf(replay: Replay): string {
  const { state, published } = replay;
  return [v(`state_${state}` as ReplayKey), v(published ? "isPublished" : "notPublished"), missingIn(replay)].filter(Boolean).join(" · ");
}

function TitleField({ value, wrong }: { value: string; wrong: string | undefined }) {
  return (
    <label class={wrong ? "ac-field wrong" : "ac-field"}>
      {v("title")}
      <input name="title" defaultValue={value} maxLength={140} required autofocus />
      {wrong && <span class="ac-said">{wrong}</span>}
    </label>
  );
}

/** A switch: it is pressed while anybody may find it. */
function Publish({ replay, name, edit }: { replay: Replay; name: string; edit: (body: { published: boolean }) => Promise<void> }) {
  const [words, setWords] = useState("");
  const { published } = replay;
  const label = v(published ? "unpublish" : "publish");
  const turn = () => {
    setWords("");
    edit({ published: !published }).catch((error: unknown) => setWords(wordsOf(error, v("down"))));
  };
  return (
    <>
      <button type="button" class="button small quiet" aria-label={`${label}: ${name}`} data-act="publish" onClick={turn}>{label}</button>
      {words && <span class="ac-words" role="alert">{words}</span>}
    </>
  );
}

/** Cutting a piece of it, and having a copy of it. */
function More({ replay, name }: { replay: Replay; name: string }) {
  return (
    <>
      <a class="button small quiet" aria-label={`${v("cut")}: ${name}`} data-act="cut" href={`${replayPath(replay)}&cut`}>{v("cut")}</a>
      {replay.state === "ready" && <a class="button small quiet" aria-label={`${v("download")}: ${name}`} data-act="download" href={`/r/${replay.id}.mp4?download`} download>{v("download")}</a>}
    </>
  );
}
