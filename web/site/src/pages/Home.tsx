//! The list of what is live.

import { fetchLive, watchPath, type StreamInfo } from "@weir/player";
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { bitrate, codecName, count, duration, rate, resolution } from "../format";
import { locale, t } from "../i18n";
import { store } from "../store";
import { Icon } from "../ui/icons";
import { useTold, type Told, type ToldOf } from "../told";
import { usePlace } from "../ui/Picture";
import { Placeholder } from "../ui/Placeholder";
import { usePolled } from "../ui/poll";
import { GoLive } from "./GoLive";

const POLL_MS = 1500;
const load = () => fetchLive();

export function Home() {
  return <main id="main" class="page"><LiveHome /></main>;
}

const nameOf = (info: StreamInfo) => `${info.app}/${info.stream}`;

/** The list with its heading, and how to be in it. `told` is the server's list, where it wrote one: what it leaves out
 * stands in none. */
export function LiveHome({ told: first = null }: { told?: ToldOf | null }) {
  const { value: live, failed, refresh } = usePolled(load, POLL_MS);
  const told = useTold(first, live?.streams.map(nameOf) ?? []);
  const value = live && { streams: live.streams.filter((info) => told === null || told.has(nameOf(info))) };
  useEffect(() => {
    document.title = value?.streams.length ? `weir · ${t("liveCount", { n: value.streams.length })}` : "weir";
  });
  return (
    <>
      <div class="heading">
        <h1>{t("liveNow")}</h1>
        {value && value.streams.length > 0 && <span class="number">{count(value.streams.length, locale())}</span>}
        <span role="status" class="stale">{failed && value ? t("apiStale") : ""}</span>
        <a class="button small" href="/studio"><i class="on-air" />{t("goLive")}</a>
      </div>
      {store.signedIn() && <Following live={live?.streams ?? null} />}
      {store.signedIn() && value && value.streams.length > 0 && <h2>{t("everything")}</h2>}
      {value ? <List streams={value.streams} told={told} /> : failed ? <Unreachable retry={refresh} /> : <Skeleton />}
      {(value || !failed) && <GoLive />}
    </>
  );
}

/** What who is signed in follows; fetched for nobody else. */
function Following({ live }: { live: StreamInfo[] | null }) {
  const [part, setPart] = useState<{ Part: ComponentType<{ live: StreamInfo[] | null }> } | null>(null);
  useEffect(() => {
    // Who is not shown what they follow is still shown what is live.
    void import("./Following").then(({ Following }) => setPart({ Part: Following }), () => {});
  }, []);
  return part && <part.Part live={live} />;
}

function List({ streams, told }: { streams: StreamInfo[]; told: ToldOf | null }) {
  if (streams.length === 0) return <Empty />;
  const sorted = [...streams].sort(
    (a, b) => b.viewers - a.viewers || `${a.app}/${a.stream}`.localeCompare(`${b.app}/${b.stream}`),
  );
  return (
    <ul class="grid">
      {sorted.map((info) => (
        <li key={`${info.vhost}|${info.app}|${info.stream}`}>
          <Card info={info} told={told?.get(nameOf(info))} />
        </li>
      ))}
    </ul>
  );
}

function Card({ info, told }: { info: StreamInfo; told: Told | undefined }) {
  const { video, audio } = info;
  const viewers = count(info.viewers, locale());
  return (
    <article class="card" data-stream={`${info.app}/${info.stream}`}>
      <div class="thumb">
        <Poster info={info} />
        {!info.poster && told?.picture && <span dangerouslySetInnerHTML={{ __html: told.picture }} />}
        <span class="badge live">{t("live")}</span>
        <span class="badge right"><Icon name="eye" size={15} /><span aria-hidden="true">{viewers}</span><span class="offscreen">{t("watching", { n: viewers })}</span></span>
        <span class="badge bottom"><Icon name="clock" size={14} />{duration(info.uptime_ms)}</span>
      </div>
      <div class="about">
        <strong><a href={told?.href ?? watchPath(info)}>{told?.title ?? info.stream}</a></strong>
        <span class="app">{told?.about ?? info.app}</span>
        <span class="chips">
          {video ? (
            <>
              <span>{codecName(video.codec)}</span>
              <span>{resolution(video.width, video.height)}{video.fps > 0 && ` · ${rate(video.fps)} fps`}</span>
            </>
          ) : (
            <span>{t("audioOnly")}</span>
          )}
          {audio && <span>{codecName(audio.codec)}</span>}
          <span>{bitrate(info.bitrate_kbps)}</span>
        </span>
      </div>
    </article>
  );
}

/** Its newest picture, in front of what stands there until that is here. */
function Poster({ info }: { info: StreamInfo }) {
  const place = usePlace();
  return (
    <>
      <Placeholder name={info} />
      {info.poster && place !== undefined && (
        <img class="poster" src={place + info.poster} width={640} height={360} alt="" decoding="async" loading="lazy" />
      )}
    </>
  );
}

function Empty() {
  return (
    <section class="message">
      <EmptyPicture />
      <h2>{t("noStreams")}</h2>
      <p>{t("noStreamsHint")}</p>
    </section>
  );
}

/** Still water behind a weir. */
function EmptyPicture() {
  return (
    <svg class="still" viewBox="0 0 220 90" aria-hidden="true">
      <path d="M8 34h84c26 0 20 40 46 40h74" />
      <path d="M8 50h68c22 0 18 32 40 32h96" opacity=".5" />
      <path d="M30 20h22M70 14h12M150 58h18M184 62h10" opacity=".35" />
    </svg>
  );
}

function Unreachable({ retry }: { retry: () => void }) {
  return (
    <section class="message" role="alert">
      <span class="alert"><Icon name="alert" size={40} /></span>
      <h2>{t("apiDown")}</h2>
      <p>{t("apiDownHint")}</p>
      <button type="button" class="button" onClick={retry}>{t("retry")}</button>
    </section>
  );
}

function Skeleton() {
  return (
    <div class="grid" role="status" aria-label={t("loadingStreams")}>
      {[0, 1, 2].map((key) => <div key={key} class="card skeleton"><div class="thumb" /><div class="about" /></div>)}
    </div>
  );
}
