//! What is live on this node now, and one stream: its tracks, its numbers since the page was opened, who is there.

import { useCallback, useRef } from "preact/hooks";
import { duration, rate, resolution } from "../format";
import { usePolled } from "../ui/poll";
import type { ClientDetail as Client, StreamDetail as Stream } from "@weir/api";
import { ask, Refused } from "../api";
import { levels } from "./api";
import { Act, Card, Table } from "./parts";
import { k } from "./strings";

const POLL_MS = 2_000;
/** Points of the curve that are kept: ten minutes. */
const KEPT = 300;

const nameOf = (stream: Stream) => `${stream.app}/${stream.stream}`;
const kbps = (value: number) => `${Math.round(value).toLocaleString()} kbit/s`;
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

function picture({ video }: Stream): string {
  return video ? `${video.codec} ${resolution(video.width, video.height)} ${rate(video.fps)} fps` : "—";
}

function sound({ audio }: Stream): string {
  return audio ? `${audio.codec} ${audio.sample_rate / 1000} kHz × ${audio.channels}` : "—";
}

export function Streams({ id }: { id: string }) {
  return id ? <OneStream name={id} /> : <AllStreams />;
}

function AllStreams() {
  const { value, failed, refresh } = usePolled(useCallback(() => ask("streams"), []), POLL_MS);
  return (
    <>
      <h1>{k("streams")}</h1>
      {failed && <Failed retry={refresh} />}
      {value === null && !failed && <p role="status">{k("loading")}</p>}
      {value && (
        <Table
          label={k("streams")}
          rows={value.streams}
          id={nameOf}
          none={k("noStreams")}
          columns={[
            { label: k("stream"), cell: (stream) => <a href={`/console/streams/${levels(nameOf(stream))}`}>{nameOf(stream)}</a> },
            { label: k("viewers"), cell: (stream) => stream.viewers },
            { label: k("rate"), cell: (stream) => kbps(stream.bitrate_kbps) },
            { label: k("picture"), cell: picture },
            { label: k("sound"), cell: sound },
            { label: k("since"), cell: (stream) => duration(stream.uptime_ms) },
          ]}
        />
      )}
    </>
  );
}

function Failed({ retry }: { retry: () => void }) {
  return (
    <div role="alert" class="co-alert">
      <p>{k("failed")}</p>
      <button type="button" class="button small quiet" onClick={retry}>{k("retry")}</button>
    </div>
  );
}

interface Seen {
  stream: Stream | null;
  clients: Client[];
}

async function look(name: string): Promise<Seen> {
  try {
    const [stream, { clients }] = await Promise.all([
      ask("stream", { path: { name } }),
      ask("clients", { query: { limit: 200 } }),
    ]);
    return { stream, clients: clients.filter((client) => client.stream === name) };
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return { stream: null, clients: [] };
    throw error;
  }
}

function OneStream({ name }: { name: string }) {
  const { value, failed, refresh } = usePolled(useCallback(() => look(name), [name]), POLL_MS);
  const rates = useRef<number[]>([]);
  const last = useRef<Seen | null>(null);
  if (value && value !== last.current) {
    last.current = value;
    if (value.stream) rates.current = [...rates.current, value.stream.bitrate_kbps].slice(-KEPT);
  }
  const kick = async (id: string) => {
    await ask("client_kick", { path: { id } });
    refresh();
  };
  const stream = value?.stream;
  return (
    <>
      <p><a href="/console/streams">{k("back")}</a></p>
      <div class="heading">
        <h1>{name}</h1>
        {stream && <a class="button small" href={`/watch/${levels(name)}`}>{k("watchIt")}</a>}
      </div>
      {failed && <Failed retry={refresh} />}
      {value && !stream && <p role="status">{k("streamGone")}</p>}
      {stream && <Numbers stream={stream} rates={rates.current} />}
      {stream && <Viewers clients={value?.clients ?? []} kick={kick} />}
    </>
  );
}

function Numbers({ stream, rates }: { stream: Stream; rates: number[] }) {
  const facts: [string, string | number][] = [
    [k("picture"), picture(stream)],
    [k("sound"), sound(stream)],
    [k("rate"), kbps(stream.bitrate_kbps)],
    [k("keyframes"), `${(stream.gop_ms / 1000).toFixed(1)} s`],
    [k("viewers"), stream.viewers],
    [k("since"), duration(stream.uptime_ms)],
    [k("received"), megabytes(stream.received_bytes)],
    [k("sent"), megabytes(stream.sent_bytes)],
    [k("lost"), stream.dropped_frames + stream.skipped_frames],
    [k("corrected"), stream.corrections],
    [k("publisher"), stream.publisher ? `${stream.publisher.protocol} ${stream.publisher.address}` : "—"],
  ];
  return (
    <Card title={k("stream")}>
      <dl class="co-facts">
        {facts.map(([label, value]) => <div key={label}><dt>{label}</dt><dd>{value}</dd></div>)}
      </dl>
      <Rates rates={rates} />
      {stream.notes.length > 0 && <ul>{stream.notes.map((note) => <li key={note}>{note}</li>)}</ul>}
    </Card>
  );
}

const [WIDTH, HEIGHT] = [600, 80];

function Rates({ rates }: { rates: number[] }) {
  const top = Math.max(1, ...rates);
  const step = WIDTH / Math.max(1, rates.length - 1);
  const points = rates.map((value, at) => `${(at * step).toFixed(1)},${(HEIGHT - 2 - (value / top) * (HEIGHT - 4)).toFixed(1)}`);
  const label = k("rateCurve", { low: kbps(Math.min(...rates)), high: kbps(top) });
  return (
    <svg class="co-curve" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <polyline points={points.join(" ")} />
    </svg>
  );
}

function Viewers({ clients, kick }: { clients: Client[]; kick: (id: string) => Promise<void> }) {
  return (
    <Card title={k("viewers")}>
      <Table
        label={k("viewers")}
        rows={clients}
        id={(client) => client.id}
        columns={[
          { label: k("what"), cell: (client) => (client.role === "publisher" ? k("publisher") : client.is_node ? k("isNode") : client.protocol) },
          { label: k("from"), cell: (client) => client.address },
          { label: k("since"), cell: (client) => duration(client.uptime_ms) },
          { label: k("lost"), cell: (client) => client.lost_frames },
          { label: k("actions"), cell: (client) => <Act label={k("kick")} named={client.id} act={() => kick(client.id)} data="kick" /> },
        ]}
      />
    </Card>
  );
}
