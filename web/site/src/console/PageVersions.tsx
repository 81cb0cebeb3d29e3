//! What a page was: each version with who wrote it, how it looked, and its words back into the editor.

import type { OwnPage, OwnPageVersion } from "@weir/api";
import { useEffect, useState } from "preact/hooks";
import { ask } from "../api";
import { PagePreview } from "./PagePreview";
import { Standing } from "./PageStanding";
import { Act, Card, Shown, Table, time, useLoaded } from "./parts";
import type { PageTongue } from "./page";
import { k } from "./strings";

interface VersionsProps {
  page: OwnPage;
  tongue: PageTongue;
  /** null where the page is not to be changed by who looks at it. */
  restore: ((version: OwnPageVersion) => void) | null;
}

export function PageVersions({ page, tongue, restore }: VersionsProps) {
  const [older, setOlder] = useState<OwnPageVersion[]>([]);
  const [shown, setShown] = useState<OwnPageVersion | null>(null);
  const loaded = useLoaded(() => ask("page_versions", { path: { id: page.id } }), [page.id, page.version]);
  // A new version begins the list anew.
  useEffect(() => setOlder([]), [page.version]);
  return (
    <Card title={k("versions")}>
      <Shown of={loaded}>
        {({ items }) => {
          const all = [...items, ...older];
          const last = all.at(-1)?.version ?? 0;
          const more = async () => {
            const next = await ask("page_versions", { path: { id: page.id }, query: { before: last } });
            setOlder([...older, ...next.items]);
          };
          return (
            <Table
              label={k("versions")}
              rows={all}
              id={(one) => String(one.version)}
              more={last > 1 ? more : null}
              columns={[
                { label: k("version"), cell: (one) => one.version },
                { label: k("when"), cell: (one) => time(one.at_ms) },
                { label: k("who"), cell: (one) => (one.by ? <a href={`/console/users/${one.by}`}>{k("author")}</a> : k("operator")) },
                { label: k("title"), cell: (one) => <span class="co-wrap">{one.title}</span> },
                { label: k("state"), cell: (one) => <Standing page={one} /> },
                {
                  label: k("actions"),
                  cell: (one) => (
                    <span class="co-row">
                      <Act label={k("show")} named={String(one.version)} act={async () => setShown(one)} data="show" />
                      {restore && one.version !== page.version && <Act label={k("putBack")} named={String(one.version)} act={async () => restore(one)} data="restore" />}
                    </span>
                  ),
                },
              ]}
            />
          );
        }}
      </Shown>
      {shown && (
        <div data-shown={shown.version}>
          <PagePreview label={k("versionIs", { n: shown.version })} page={page} written={shown} tongue={tongue} publish_ms={shown.publish_ms} />
        </div>
      )}
    </Card>
  );
}
