//! What those run who lead: pictures that are known to be bad, test pictures that say what is missed, and people who see
//! some apps alone.

import type { ReviewItem, TestPicture } from "@weir/api";
import { useState } from "preact/hooks";
import { ask, sendFile } from "../../api";
import { Act, Card, Choice, Line, Shown, Sure, Table, time, useLoaded, usePages } from "../parts";
import { r, type ReviewKey } from "./strings";
import { Shot } from "./Tile";

export function Banks() {
  return (
    <>
      <KnownPictures />
      <TestPictures />
      <People />
    </>
  );
}

/** What a form says, and what was refused. */
function useForm(send: (said: FormData) => Promise<unknown>, then: () => Promise<void>) {
  const [words, setWords] = useState("");
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    setWords("");
    try {
      await send(new FormData(form));
      form.reset();
      await then();
    } catch (error) {
      setWords(error instanceof Error ? error.message : String(error));
    }
  };
  return { submit, said: words && <p class="ac-words" role="alert">{words}</p> };
}

const text = (said: FormData, name: string) => String(said.get(name) ?? "").trim();

function KnownPictures() {
  const list = usePages((query) => ask("review_hash_list", { query }), []);
  const [label, setLabel] = useState("");
  const form = useForm((said) => ask("review_hash_add", { body: { hash: text(said, "hash"), label: text(said, "label") } }), list.reload);
  return (
    <Card title={r("known")}>
      <p class="rv-hint">{r("knownHint")}</p>
      <form class="rv-form" data-bank="known" onSubmit={(event) => void form.submit(event)}>
        <Line name="hash" label={r("hash")} hint={r("hashHint")} required />
        <Line name="label" label={r("label")} required />
        <button class="button small">{r("add")}</button>
        {form.said}
      </form>
      <Shown of={list}>
        {(items) => (
          <Table
            label={r("known")}
            rows={items}
            id={(one) => one.hash}
            none={r("nothing")}
            more={list.more}
            columns={[
              { label: r("label"), cell: (one) => one.label },
              { label: r("hash"), cell: (one) => <code class="rv-hash">{one.hash}</code> },
              { label: r("when"), cell: (one) => time(one.added_at) },
              {
                label: r("acts"),
                cell: (one) => (
                  <>
                    <button type="button" class="button small quiet" data-act="matches" aria-label={`${r("matches")}: ${one.label}`} onClick={() => setLabel(one.label)}>{r("matches")}</button>
                    <Sure label={r("remove")} named={one.label} sure={r("removeSure")} act={() => ask("review_hash_remove", { path: { hash: one.hash } }).then(list.reload)} />
                  </>
                ),
              },
            ]}
          />
        )}
      </Shown>
      {label && <Matches key={label} label={label} />}
    </Card>
  );
}

/** What a known picture was seen in. */
function Matches({ label }: { label: string }) {
  const list = usePages((query) => ask("review_list", { query: { ...query, known_as: label } }), [label]);
  const said = ({ state, verdict }: ReviewItem) => (verdict ? r(`verdict_${verdict.verdict}` as ReviewKey) : r(state === "claimed" ? "claimed" : "waiting"));
  return (
    <section aria-label={r("matchesOf", { label })} data-matches={label}>
      <h3>{r("matchesOf", { label })}</h3>
      <Shown of={list}>
        {(items) => (
          <Table
            label={r("matchesOf", { label })}
            rows={items}
            id={(item) => item.id}
            none={r("nothing")}
            more={list.more}
            columns={[
              { label: r("when"), cell: (item) => time(item.begun_at) },
              { label: r("stream"), cell: (item) => <span class="co-wrap">{item.stream}</span> },
              { label: r("verdict"), cell: said },
              { label: r("who"), cell: (item) => item.verdict?.by ?? "—" },
            ]}
          />
        )}
      </Shown>
    </section>
  );
}

function TestPictures() {
  const [one_in, setOneIn] = useState<number | null>(null);
  const list = usePages(async (query) => {
    const page = await ask("review_gold_list", { query });
    setOneIn(page.one_in);
    return page;
  }, []);
  const form = useForm((said) => {
    const query = new URLSearchParams({ verdict: text(said, "verdict"), label: text(said, "label") });
    return sendFile(`/review/gold?${query}`, said.get("file") as File);
  }, list.reload);
  const shot = ({ url }: TestPicture) => <span class="rv-small blurred"><Shot shot={{ url, width: 640, height: 360 }} /></span>;
  return (
    <Card title={r("tests")}>
      <p class="rv-hint">{one_in === 0 ? r("testsOff") : r("testsHint", { n: one_in ?? "…" })}</p>
      <form class="rv-form" data-bank="tests" onSubmit={(event) => void form.submit(event)}>
        <label class="ac-field">{r("file")}<input type="file" name="file" accept="image/*" required /></label>
        <Choice name="verdict" label={r("rightVerdict")} options={[["bad", r("gold_bad")], ["ok", r("gold_ok")]]} />
        <Line name="label" label={r("label")} required />
        <button class="button small">{r("add")}</button>
        {form.said}
      </form>
      <Shown of={list}>
        {(items) => (
          <Table
            label={r("tests")}
            rows={items}
            id={(one) => one.id}
            none={r("nothing")}
            more={list.more}
            columns={[
              { label: r("pictures"), cell: shot },
              { label: r("label"), cell: (one) => one.label },
              { label: r("rightVerdict"), cell: (one) => r(`gold_${one.verdict}` as ReviewKey) },
              { label: r("when"), cell: (one) => time(one.added_at) },
              { label: r("acts"), cell: (one) => <Sure label={r("remove")} named={one.label} sure={r("removeSure")} act={() => ask("review_gold_remove", { path: { id: one.id } }).then(list.reload)} /> },
            ]}
          />
        )}
      </Shown>
    </Card>
  );
}

function People() {
  const people = useLoaded(() => ask("review_people"), []);
  const form = useForm((said) => {
    const apps = text(said, "apps").split(/[\s,]+/).filter(Boolean);
    return ask("review_person_put", { path: { id: text(said, "id") }, body: { apps } });
  }, people.reload);
  return (
    <Card title={r("people")}>
      <p class="rv-hint">{r("peopleHint")}</p>
      <form class="rv-form" data-bank="people" onSubmit={(event) => void form.submit(event)}>
        <Line name="id" label={r("account")} hint={r("accountHint")} required />
        <Line name="apps" label={r("apps")} hint={r("appsHint")} required />
        <button class="button small">{r("add")}</button>
        {form.said}
      </form>
      <Shown of={people}>
        {({ items }) => (
          <Table
            label={r("people")}
            rows={items}
            id={(one) => one.id}
            none={r("nothing")}
            columns={[
              { label: r("who"), cell: (one) => one.name ?? "—" },
              { label: r("apps"), cell: (one) => <span class="co-wrap">{one.apps.join(", ")}</span> },
              { label: r("when"), cell: (one) => time(one.since_at) },
              { label: r("acts"), cell: (one) => <Act label={r("remove")} named={one.name ?? one.id} act={() => ask("review_person_remove", { path: { id: one.id } }).then(people.reload)} /> },
            ]}
          />
        )}
      </Shown>
    </Card>
  );
}
