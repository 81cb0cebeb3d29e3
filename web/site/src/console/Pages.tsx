//! The site's own pages: notices, help, words about categories. Listed and begun here, written in `PageEditor`.

import { useId, useState } from "preact/hooks";
import { Form } from "../account/Form";
import { ask } from "../api";
import { PageEditor } from "./PageEditor";
import { KINDS } from "./page";
import { Standing } from "./PageStanding";
import { Card, Choice, Line, Shown, Table, time, usePages } from "./parts";
import { k } from "./strings";

const kinds = (): [string, string][] => KINDS.map((kind) => [kind, k(`page_${kind}`)]);

export function Pages({ id, isAdmin = false }: { id: string; isAdmin?: boolean }) {
  return id ? <PageEditor id={id} mayPublish={isAdmin} /> : <AllPages />;
}

function AllPages() {
  const [kind, setKind] = useState("");
  const list = usePages((behind) => ask("page_list", { query: { ...behind, ...(kind && { kind }) } }), [kind]);
  return (
    <>
      <h1>{k("pages")}</h1>
      <KindFilter kind={kind} choose={setKind} />
      <Shown of={list}>
        {(pages) => (
          <Table
            label={k("pages")}
            rows={pages}
            id={(page) => page.id}
            more={list.more}
            columns={[
              { label: k("title"), cell: (page) => <a class="co-wrap" href={`/console/pages/${page.id}`}>{page.title}</a> },
              { label: k("kind"), cell: (page) => k(`page_${page.kind}` as "page_notice") },
              { label: k("address"), cell: (page) => <code class="co-wrap">{page.path}</code> },
              { label: k("state"), cell: (page) => <Standing page={page} /> },
              { label: k("changed"), cell: (page) => time(page.changed_ms) },
            ]}
          />
        )}
      </Shown>
      <NewPage kind={kind} />
    </>
  );
}

function KindFilter({ kind, choose }: { kind: string; choose: (kind: string) => void }) {
  const id = useId();
  return (
    <div class="ac-field co-filter">
      <label for={id}>{k("kind")}</label>
      <select id={id} value={kind} onChange={(event) => choose(event.currentTarget.value)}>
        {[["", k("allKinds")], ...kinds()].map(([one, words]) => <option key={one} value={one}>{words}</option>)}
      </select>
    </div>
  );
}

function NewPage({ kind }: { kind: string }) {
  const begin = async ({ kind = "", slug = "", title = "" }: Record<string, string>) => {
    const { id } = await ask("page_create", { body: { kind, slug: slug.trim(), title: title.trim() } });
    location.assign(`/console/pages/${id}`);
  };
  return (
    <Card title={k("newPage")}>
      <Form what="new-page" button={k("add")} send={begin}>
        {(wrong) => (
          <div class="ac-pair">
            <Choice key={kind} name="kind" label={k("kind")} value={kind} options={kinds()} />
            <Line name="title" label={k("title")} required wrong={wrong["title"]} />
            <Line name="slug" label={k("slug")} hint={k("slugHint")} required wrong={wrong["slug"]} />
          </div>
        )}
      </Form>
    </Card>
  );
}
