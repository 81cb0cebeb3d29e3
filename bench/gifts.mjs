//! Gifts a second, and how long until the room knows: many givers over HTTP, one member of the room on the same clock.
//! Prints one line of JSON.
//!
//! node bench/gifts.mjs --base URL --token ADMIN_TOKEN [--givers 200] [--rate 2000] [--seconds 10]
//!
//! Time to the room is from the answer of the order (it is committed then) to the post, and from the request to the post.
//! The load and the server share the machine's cores: the numbers say what both can, not the server alone.

import { Agent, request } from "node:http";
import { parseArgs } from "node:util";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    token: { type: "string" },
    givers: { type: "string", default: "200" },
    rate: { type: "string", default: "2000" },
    seconds: { type: "string", default: "10" },
  },
});
const PASSWORD = "a sentence that nobody guesses";
const RUN = Date.now().toString(36);
const CHANNEL = `bench${RUN}`;
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const [givers, rate, seconds] = [Number(args.givers), Number(args.rate), Number(args.seconds)];

function api(method, path, token, body, headers = {}) {
  const text = body === undefined ? "" : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const url = new URL(`/api/v1/${path}`, args.base);
    const asked = request(url, {
      method,
      agent,
      headers: { ...(token && { authorization: `Bearer ${token}` }), "content-type": "application/json", "content-length": Buffer.byteLength(text), ...headers },
    }, (answer) => {
      let said = "";
      answer.on("data", (part) => (said += part));
      answer.on("end", () => resolve({ status: answer.statusCode, json: said ? JSON.parse(said) : null }));
    });
    asked.on("error", reject);
    asked.end(text);
  });
}

async function needed(...asked) {
  const { status, json } = await api(...asked);
  if (status >= 300) throw new Error(`${asked[0]} ${asked[1]}: ${status} ${JSON.stringify(json)}`);
  return json;
}

async function person(name) {
  const { id } = await needed("POST", "accounts", args.token, { name, email: `${name}@example.net`, password: PASSWORD });
  const { token } = await needed("POST", "sessions", "", { login: name, password: PASSWORD });
  return { id, token };
}

/** Of each gift, when its room was told. */
function listen(room) {
  const told = new Map();
  const socket = new WebSocket(`${args.base.replace(/^http/, "ws")}/chat`, "weir.json.1");
  const ready = new Promise((resolve, reject) => {
    socket.onerror = () => reject(new Error("no chat"));
    socket.onopen = () => socket.send(JSON.stringify({ i: 1, c: "hi", g: { [room]: null } }));
    socket.onmessage = ({ data }) => {
      if (!data) return socket.send("");
      const now = performance.now();
      for (const line of data.split("\n")) {
        const said = JSON.parse(line);
        if (said.i === 1) resolve();
        if (said.k !== "gift") continue;
        if (told.has(said.d.id)) throw new Error(`told twice: ${said.d.id}`);
        told.set(said.d.id, now);
      }
    };
  });
  return { told, ready, close: () => socket.close() };
}

const at = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? null;
const spread = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  return { p50_ms: at(sorted, 0.5), p99_ms: at(sorted, 0.99), max_ms: sorted.at(-1) ?? null };
};

const owner = await person(CHANNEL);
await needed("POST", "channels", owner.token, { name: CHANNEL, title: "Bench" });
await needed("PUT", "gifts/bench", args.token, { title: "Bench", price: 1 });
const people = [];
for (let n = 0; n < givers; n++) {
  const one = await person(`g${n}x${RUN}`);
  await needed("POST", `wallets/${one.id}/topups`, args.token, { payment: `${RUN}-${n}`, coins: 1_000_000 });
  people.push(one);
}
const room = listen(`r:live/${CHANNEL}`);
await room.ready;

const answered = new Map();
const refused = {};
let sent = 0;
const running = new Set();
const begun = performance.now();
while (performance.now() - begun < seconds * 1000) {
  const due = ((performance.now() - begun) / 1000) * rate;
  while (sent < due) {
    const n = sent++;
    const asked_at = performance.now();
    const one = api("POST", "gifts", people[n % givers].token, { channel: CHANNEL, gift: "bench" }, { "idempotency-key": `${RUN}-${n}` }).then(
      ({ status, json }) => {
        if (status === 200) answered.set(json.id, { asked_at, at: performance.now() });
        else refused[status] = (refused[status] ?? 0) + 1;
      },
      (error) => (refused[error.code] = (refused[error.code] ?? 0) + 1),
    );
    running.add(one);
    void one.finally(() => running.delete(one));
  }
  await new Promise((resolve) => setTimeout(resolve, 2));
}
await Promise.all(running);
const took_s = (performance.now() - begun) / 1000;
const end = performance.now() + 10_000;
while (room.told.size < answered.size && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
room.close();

const both = [...answered].filter(([id]) => room.told.has(id));
console.log(JSON.stringify({
  asked_per_s: rate, sent, committed: answered.size, committed_per_s: Math.round(answered.size / took_s), refused,
  told: room.told.size, untold: answered.size - both.length,
  from_request: spread(both.map(([id, { asked_at }]) => room.told.get(id) - asked_at)),
  from_answer: spread(both.map(([id, { at }]) => Math.max(0, room.told.get(id) - at))),
}));
process.exit(0);
