//! One operation: closed it is a line, open it says who may, what it takes and what it answers.

import { Copy } from "../ui/Copy";
import { curlOf, type Answer, type Field, type Operation } from "./model";
import { Prose, Words } from "./Prose";
import { d } from "./strings";

export function Entry({ operation }: { operation: Operation }) {
  const { method, path, summary, right, roles, words, parameters, body, example, answers } = operation;
  const curl = curlOf(operation, location.origin);
  return (
    <details class="do-entry" id={operation.id}>
      <summary>
        <span class={`do-method do-${method.toLowerCase()}`}>{method}</span>
        <code class="do-path">{path}</code>
        <span class="do-summary" lang="en">{summary}</span>
        <span class="do-right">{right ? d("takes", { right }) : d("anybody")}</span>
      </summary>
      <div class="do-open">
        <Prose text={words} />
        <h3>{d("who")}</h3>
        <p>{right ? d("rolesHave", { right, roles: roles.join(", ") }) : d("anybodyMay")}</p>
        {parameters.length > 0 && (
          <>
            <h3>{d("parameters")}</h3>
            <div class="do-scroll" role="region" tabIndex={0} aria-label={`${d("parameters")}: ${method} ${path}`}>
              <table>
                <thead>
                  <tr><th scope="col">{d("name")}</th><th scope="col">{d("where")}</th><th scope="col">{d("type")}</th><th scope="col">{d("words")}</th></tr>
                </thead>
                <tbody>
                  {parameters.map((one) => (
                    <tr key={`${one.where} ${one.name}`}>
                      <th scope="row"><code>{one.name}</code>{one.required && <small> {d("required")}</small>}</th>
                      <td>{one.where}</td>
                      <td><code>{one.type}</code></td>
                      <td lang="en"><Words text={one.words} /></td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </>
        )}
        {body.length > 0 && (
          <>
            <h3>{d("body")}</h3>
            <Fields fields={body} />
          </>
        )}
        {example && (
          <>
            <h3>{d("example")}</h3>
            <pre tabIndex={0}>{example}</pre>
          </>
        )}
        <Copy label={d("byHand")} text={curl} />
        <h3>{d("answers")}</h3>
        <ul class="do-answers">
          {answers.map((answer) => <One key={answer.status} answer={answer} />)}
        </ul>
      </div>
    </details>
  );
}

function One({ answer }: { answer: Answer }) {
  const head = (
    <>
      <b class={answer.status < "400" ? "do-well" : "do-ill"}>{answer.status}</b>
      <span lang="en"><Words text={answer.words} /></span>
      {answer.body && <code>{answer.body}</code>}
    </>
  );
  // How a refusal looks is said once, in the table of codes.
  if (answer.fields.length === 0 || answer.body === "Problem") return <li class="do-answer">{head}</li>;
  return (
    <li>
      <details>
        <summary class="do-answer">{head}</summary>
        <Fields fields={answer.fields} />
      </details>
    </li>
  );
}

function Fields({ fields }: { fields: Field[] }) {
  return (
    <ul class="do-fields">
      {fields.map((field) => (
        <li key={field.name}>
          <code>{field.name}</code> <span class="do-type">{field.type}</span>
          {field.required && <small> {d("required")}</small>}
          {field.words && <span lang="en" class="do-words"><Words text={field.words} /></span>}
          {field.inside.length > 0 && <Fields fields={field.inside} />}
        </li>
      ))}
    </ul>
  );
}
