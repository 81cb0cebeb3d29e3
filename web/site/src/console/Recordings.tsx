//! Recordings of all streams: found by app or stream, watched, said to be seen or not, taken away.

import { useState } from "preact/hooks";
import { ask } from "../api";
import { duration } from "../format";
import { missingIn, replayPath, size, type Replay } from "../watch/replays";
import { Search, Shown, Sure, Table, time, usePages } from "./parts";
import { k, type ConsoleKey } from "./strings";

export function Recordings() {
  const [words, setWords] = useState("");
  const list = usePages((behind) => ask("recording_list", { query: { ...behind, ...placeOf(words) } }), [words]);
  const remove = async ({ id }: Replay) => {
    await ask("recording_remove", { path: { id } });
    await list.reload();
  };
  return (
    <>
      <h1>{k("recordings")}</h1>
      <Search label={k("findRecording")} find={setWords} />
      <Shown of={list}>
        {(recordings) => (
          <>
            <p class="ac-mail" role="status" data-storage>{storageOf(recordings, list.more !== null)}</p>
            <Table
              label={k("recordings")}
              rows={recordings}
              id={({ id }) => id}
              none={k("noRecordings")}
              more={list.more}
              columns={[
                { label: k("stream"), cell: (one) => <a class="co-wrap" href={replayPath(one)}>{one.app}/{one.stream}</a> },
                { label: k("title"), cell: (one) => <span class="co-wrap">{one.title}</span> },
                { label: k("begun"), cell: (one) => time(one.started_at) },
                { label: k("length"), cell: (one) => duration(one.duration_ms) },
                { label: k("size"), cell: (one) => size(one.bytes) },
                { label: k("state"), cell: stateOf },
                {
                  label: k("actions"),
                  cell: (one) => (one.state === "recording" ? "—" : <Sure label={k("remove")} sure={k("removeForGood")} named={`${one.app}/${one.stream}, ${time(one.started_at)}`} act={() => remove(one)} data="remove" />),
                },
              ]}
            />
          </>
        )}
      </Shown>
    </>
  );
}

/** "live" is an app, "live/demo" a stream of it. */
export function placeOf(words: string): { app?: string; stream?: string } {
  const levels = words.split("/").map((level) => level.trim()).filter(Boolean);
  const stream = levels.length > 1 ? levels.pop() : undefined;
  return { ...(levels.length > 0 && { app: levels.join("/") }), ...(stream && { stream }) };
}

function storageOf(recordings: Replay[], hasMore: boolean): string {
  const bytes = recordings.reduce((sum, one) => sum + one.bytes, 0);
  return k(hasMore ? "storageSome" : "storage", { n: recordings.length, size: size(bytes) });
}

function stateOf(one: Replay) {
  const missing = missingIn(one);
  return (
    <span class="co-wrap">
      {k(`recording_${one.state}` as ConsoleKey)}
      {!one.published && ` · ${k("notPublished")}`}
      {one.held && ` · ${k("held")}`}
      {missing && ` · ${missing}`}
    </span>
  );
}
