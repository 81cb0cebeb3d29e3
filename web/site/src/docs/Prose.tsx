//! The little Markdown that the description is written in: paragraphs, and code in backticks.

import { Fragment } from "preact";

export function Prose({ text }: { text: string }) {
  return (
    <>
      {text.split(/\n\s*\n/).filter(Boolean).map((paragraph, at) => (
        <p key={at} lang="en">
          <Words text={paragraph} />
        </p>
      ))}
    </>
  );
}

export function Words({ text }: { text: string }) {
  return (
    <>
      {text.split("`").map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : <Fragment key={at}>{part}</Fragment>))}
    </>
  );
}
