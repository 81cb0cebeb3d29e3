// Asks a server for lists and searches, or signs in, and says how long the answers took.
//
//   node bench/people.mjs lists --base http://HOST:PORT --token TOKEN --accounts N --channels N --seconds N
//   node bench/people.mjs guesses --base http://HOST:PORT --accounts N
//   node bench/people.mjs tickets --base http://HOST:PORT --password WORDS --accounts N --rate N --seconds N
//   node bench/people.mjs sign-in --base http://HOST:PORT --password WORDS --accounts N --rate N --seconds N

import { Agent, request } from "node:http";

const [what, ...rest] = process.argv.slice(2);
const option = (name) => rest[rest.indexOf(`--${name}`) + 1];
const [base, seconds] = [option("base"), Number(option("seconds"))];
const accounts = Number(option("accounts"));
const agent = new Agent({ keepAlive: true, maxSockets: 256 });

function ask(method, path, headers, body) {
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    const sent = request(base + path, { method, headers, agent }, (answer) => {
      let bytes = 0;
      answer.on("data", (piece) => (bytes += piece.length));
      answer.on("end", () => resolve({ status: answer.statusCode, bytes, ms: performance.now() - begun }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

function told(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (part) => Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(2));
  return { answers: sorted.length, p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1) };
}

const random = (most) => 1 + Math.floor(Math.random() * most);
const padded = (n) => String(n).padStart(12, "0");
/** As a list names where it goes on. */
const behind = (id) => Buffer.from(id).toString("base64url");

/** Each kind of list in turn, two at a time: what is asked for differs, as it does between people. */
async function lists() {
  const channels = Number(option("channels"));
  const headers = { authorization: `Bearer ${option("token")}` };
  const kinds = {
    channels: () => "/api/v1/channels?limit=50",
    channels_far: () => `/api/v1/channels?limit=50&after=${behind(`019f0000-0000-7000-9000-${padded(random(channels))}`)}`,
    category: () => `/api/v1/channels?category=category${random(5) - 1}`,
    language: () => "/api/v1/channels?language=zh",
    category_and_language: () => `/api/v1/channels?category=category${random(5) - 1}&language=de`,
    search_every: () => "/api/v1/channels?q=stream",
    search_common: () => `/api/v1/channels?q=part${random(99)}%20`,
    search_rare: () => `/api/v1/channels?q=rare${random(9972)}`,
    search_both: () => `/api/v1/channels?q=stream%20part${random(99)}%20rare${random(9972)}`,
    search_two_common: () => `/api/v1/channels?q=stream%20part${random(99)}`,
    search_in_category: () => `/api/v1/channels?category=category1&q=part${random(99)}`,
    search_begun: () => "/api/v1/channels?q=r",
    search_nothing: () => "/api/v1/channels?q=nowhere",
    live: () => "/api/v1/channels?live=true",
    channel: () => `/api/v1/channels/chan${random(channels)}`,
    accounts: () => `/api/v1/accounts?limit=200&after=${behind(`019f0000-0000-7000-8000-${padded(random(accounts))}`)}`,
    accounts_by_name: () => `/api/v1/accounts?q=user${random(accounts)}`,
    accounts_by_letter: () => "/api/v1/accounts?q=u",
  };
  const results = {};
  for (const [name, path] of Object.entries(kinds)) {
    const times = [];
    const until = performance.now() + seconds * 1000;
    const worker = async () => {
      while (performance.now() < until) {
        const answer = await ask("GET", path(), headers);
        if (answer.status !== 200) throw new Error(`${name}: ${path()} is ${answer.status}`);
        times.push(answer.ms);
      }
    };
    await Promise.all([worker(), worker()]);
    results[name] = told(times);
  }
  const worst = Math.max(...Object.values(results).map((result) => result.p99_ms));
  return { accounts, channels, worst_p99_ms: worst, lists: results };
}

/** At a fixed rate, whatever the answers take: each from another address, as people come. */
async function signIn() {
  const rate = Number(option("rate"));
  const password = option("password");
  const [times, statuses, open] = [[], {}, []];
  const begun = performance.now();
  for (let n = 0; n < rate * seconds; n++) {
    const wait = begun + (n * 1000) / rate - performance.now();
    if (wait > 1) await new Promise((done) => setTimeout(done, wait));
    const body = JSON.stringify({ login: `user${1 + (n % accounts)}`, password });
    const from = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
    const headers = { "content-type": "application/json", "x-forwarded-for": from };
    open.push(
      ask("POST", "/api/v1/sessions", headers, body).then(({ status, ms }) => {
        statuses[status] = (statuses[status] ?? 0) + 1;
        if (status === 201) times.push(ms);
      }),
    );
  }
  await Promise.all(open);
  return { rate, seconds, statuses, ...told(times) };
}

/** Leave to watch a channel that its followers may: each costs a look at the session, the channel, and who follows it. */
async function tickets() {
  const rate = Number(option("rate"));
  const json = { "content-type": "application/json" };
  const made = async (method, path, headers, body) => {
    const answer = await fetch(base + path, { method, headers: { ...json, ...headers }, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path} is ${answer.status}: ${await answer.text()}`);
    return answer.status === 204 ? {} : answer.json();
  };
  const signed = async (login) => {
    const { token } = await made("POST", "/api/v1/sessions", {}, { login, password: option("password") });
    return { authorization: `Bearer ${token}` };
  };
  const people = await Promise.all(Array.from({ length: accounts }, (_, n) => signed(`user${n + 1}`)));
  await made("POST", "/api/v1/channels", people[0], { name: "closed", title: "Closed" });
  await made("PATCH", "/api/v1/channels/closed", people[0], { visibility: "followers" });
  const viewers = people.slice(1);
  for (const viewer of viewers) await made("PUT", "/api/v1/channels/closed/follow", viewer);
  const [times, statuses, open] = [[], {}, []];
  const begun = performance.now();
  for (let n = 0; n < rate * seconds; n++) {
    const wait = begun + (n * 1000) / rate - performance.now();
    if (wait > 1) await new Promise((done) => setTimeout(done, wait));
    const headers = { ...json, ...viewers[n % viewers.length] };
    open.push(
      ask("POST", "/api/v1/channels/closed/ticket", headers, "{}").then(({ status, ms }) => {
        statuses[status] = (statuses[status] ?? 0) + 1;
        if (status === 200) times.push(ms);
      }),
    );
  }
  await Promise.all(open);
  return { rate, seconds, statuses, ...told(times) };
}

/** What somebody learns by a clock who tries names: in turn one that is somebody's and one that is nobody's. */
async function guesses() {
  const kinds = {
    sign_in: ["/api/v1/sessions", (login) => ({ login, password: "not the words that are right" })],
    reset: ["/api/v1/accounts/reset", (login) => ({ login })],
  };
  const results = {};
  const statuses = {};
  for (const [kind, [path, body]] of Object.entries(kinds)) {
    const times = { somebody: [], nobody: [] };
    for (let n = 1; n <= accounts; n++) {
      for (const who of ["somebody", "nobody"]) {
        const login = `${who === "somebody" ? "user" : "nobody"}${n}`;
        const from = `10.${kind === "reset" ? 9 : 8}.${n >> 8}.${n & 255}`;
        const headers = { "content-type": "application/json", "x-forwarded-for": from };
        const { status, ms } = await ask("POST", path, headers, JSON.stringify(body(login)));
        statuses[status] = (statuses[status] ?? 0) + 1;
        times[who].push(ms);
      }
    }
    for (const [who, taken] of Object.entries(times)) results[`${kind}_${who}`] = told(taken);
  }
  return { statuses, ...results };
}

const asked = { lists, "sign-in": signIn, guesses, tickets };
console.log(JSON.stringify(await asked[what]()));
process.exit(0);
