//! Apps: quotas, priority, retention, and all else they take; and the categories of channels.

import { useState } from "preact/hooks";
import type { AppSet, AppTermsShown as App, CategoryShown as Category } from "@weir/api";
import { ask, Refused } from "../api";
import { Form } from "../account/Form";
import { Copy } from "../ui/Copy";
import { levels } from "./api";
import { Act, Card, Choice, Line, Shown, Table, useLoaded, usePages } from "./parts";
import { k } from "./strings";

/** Rules with a field of their own, and the words for each. */
const NUMBERS = [["max_streams", "maxStreams"], ["max_viewers", "maxViewers"], ["max_in_kbps", "maxIn"], ["max_out_kbps", "maxOut"]] as const;

export function Apps({ id }: { id: string }) {
  const list = usePages((query) => ask("app_list", { query }), []);
  if (id) return <Shown of={list}>{(apps) => <OneApp name={id} app={apps.find((one) => one.app === id)} />}</Shown>;
  const open = async ({ app = "" }: Record<string, string>) => location.assign(`/console/apps/${levels(app.trim())}`);
  return (
    <>
      <h1>{k("apps")}</h1>
      <Shown of={list}>
        {(apps) => (
          <Table
            label={k("apps")}
            rows={apps}
            id={(app) => app.app}
            more={list.more}
            columns={[
              { label: k("app"), cell: ({ app }) => <a href={`/console/apps/${levels(app)}`}>{app}</a> },
              ...NUMBERS.map(([rule, label]) => ({ label: k(label), cell: ({ rules }: App) => String(rules[rule] ?? "—") })),
              { label: k("priority"), cell: ({ rules }) => String(rules["priority"] ?? "normal") },
            ]}
          />
        )}
      </Shown>
      <Card title={k("newApp")}>
        <Form button={k("add")} send={open}>{() => <Line name="app" label={k("app")} required />}</Form>
      </Card>
      <Categories />
    </>
  );
}

/** What is written, as rules; throws what is wrong with it. */
export function rulesOf(values: Record<string, string>): Record<string, unknown> {
  let rules: unknown;
  try {
    rules = JSON.parse(values["rules"]?.trim() || "{}");
  } catch {
    rules = null;
  }
  if (rules === null || typeof rules !== "object" || Array.isArray(rules)) {
    throw new Refused(422, { detail: k("notJson"), errors: [{ field: "rules", words: k("notJson") }] });
  }
  const numbers = NUMBERS.flatMap(([rule]) => (values[rule]?.trim() ? [[rule, Number(values[rule])] as const] : []));
  const priority = values["priority"] && values["priority"] !== "normal" ? { priority: values["priority"] } : {};
  return { ...rules, ...Object.fromEntries(numbers), ...priority };
}

function OneApp({ name, app }: { name: string; app: App | undefined }) {
  const [made, setMade] = useState<AppSet | null>(null);
  const own: readonly string[] = [...NUMBERS.map(([rule]) => rule), "priority"];
  const rest = Object.fromEntries(Object.entries(app?.rules ?? {}).filter(([rule]) => !own.includes(rule)));
  const text = (value: unknown) => (value === null || value === undefined ? "" : String(value));
  const hours = (value: string | undefined) => (value?.trim() ? Number(value) : null);
  const save = async (values: Record<string, string>) => {
    const body = { rules: rulesOf(values), retention_hours: hours(values["retention_hours"]), recording_hours: hours(values["recording_hours"]) };
    setMade(await ask("app_set", { path: { app: name }, body }));
  };
  const remove = async () => {
    await ask("app_remove", { path: { app: name } });
    location.assign("/console/apps");
  };
  return (
    <>
      <p><a href="/console/apps">{k("back")}</a></p>
      <h1>{name}</h1>
      {made && (
        <div class="ac-fresh" role="status">
          <p>{made.made.length > 0 ? k("secretsOnce") : k("saved")}</p>
          {made.made.map(({ id, secret }) => <Copy key={id} label={id || k("key")} text={secret} />)}
        </div>
      )}
      <Card title={k("quotas")}>
        <Form button={k("save")} send={save}>
          {(wrong) => (
            <>
              <div class="ac-pair">
                {NUMBERS.map(([rule, label]) => <Line key={rule} name={rule} label={k(label)} value={text(app?.rules[rule])} />)}
                <Choice
                  name="priority"
                  label={k("priority")}
                  value={text(app?.rules["priority"]) || "normal"}
                  options={[["low", k("low")], ["normal", k("normal")], ["high", k("high")]]}
                />
                <Line name="retention_hours" label={k("retention")} value={text(app?.retention_hours)} wrong={wrong["retention_hours"]} />
                <Line name="recording_hours" label={k("recording")} value={text(app?.recording_hours)} wrong={wrong["recording_hours"]} />
              </div>
              <Line name="rules" label={k("otherRules")} hint={k("otherRulesHint")} many value={JSON.stringify(rest, null, 2)} wrong={wrong["rules"]} />
            </>
          )}
        </Form>
        {app && <details><summary>{k("remove")}</summary><Act label={k("remove")} named={name} act={remove} /></details>}
      </Card>
    </>
  );
}

function Categories() {
  const loaded = useLoaded(() => ask("category_list"), []);
  const set = async ({ name = "", title = "", title_zh = "", place }: Record<string, string>) => {
    await ask("category_set", { path: { name: name.trim() }, body: { title, title_zh, place: Number(place) || 0 } });
    await loaded.reload();
  };
  const remove = async (category: Category) => {
    await ask("category_remove", { path: { name: category.name } });
    await loaded.reload();
  };
  return (
    <Card title={k("categories")}>
      <Shown of={loaded}>
        {({ items }) => (
          <Table
            label={k("categories")}
            rows={items}
            id={(category) => category.name}
            columns={[
              { label: k("name"), cell: (category) => category.name },
              { label: k("title"), cell: (category) => category.title },
              { label: k("titleZh"), cell: (category) => <span lang="zh-CN">{category.title_zh}</span> },
              { label: k("place"), cell: (category) => category.place },
              { label: k("actions"), cell: (category) => <Act label={k("remove")} named={category.name} act={() => remove(category)} /> },
            ]}
          />
        )}
      </Shown>
      <Form button={k("add")} send={set}>
        {(wrong) => (
          <div class="ac-pair">
            <Line name="name" label={k("name")} required wrong={wrong["name"]} />
            <Line name="title" label={k("title")} required wrong={wrong["title"]} />
            <Line name="title_zh" label={k("titleZh")} wrong={wrong["title_zh"]} />
            <Line name="place" label={k("place")} wrong={wrong["place"]} />
          </div>
        )}
      </Form>
    </Card>
  );
}
