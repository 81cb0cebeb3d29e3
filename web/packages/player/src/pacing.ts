//! When to play faster, when to jump, how much to hold before going on, how long to wait before asking
//! again. Pure: `now` and numbers in, decisions out.
//!
//! The buffer is judged by its *spare*: the least there was ahead of the play position within the last
//! seconds. Jitter and bursts move the buffer up and down all the time; only what was never needed can
//! be taken away. Two thresholds keep it calm: catching up begins when the spare is above `high` and
//! ends when what is ahead is below `low`, the target.

/** - `speed`: plays a little faster, with the pitch kept
 *  - `skip`: jumps to the newest keyframe that leaves the target ahead
 *  - `none`: stays where it is */
export type Strategy = "speed" | "skip" | "none";
/** How close to the live edge: see `PRESETS`. */
export type LatencyMode = "auto" | "low" | "normal" | "smooth";

export const STRATEGIES: readonly Strategy[] = ["speed", "skip", "none"];
export const LATENCY_MODES: readonly LatencyMode[] = ["auto", "low", "normal", "smooth"];

export function isStrategy(value: unknown): value is Strategy {
  return typeof value === "string" && (STRATEGIES as readonly string[]).includes(value);
}

export interface PacingConfig {
  strategy: Strategy;
  /** What may be ahead without anything being done about it, ms: the lower threshold. */
  target_ms: number;
  /** Repeated stalls raise the target up to this, ms. */
  limit_ms: number;
  /** How far behind the newest frame playing begins, ms, if so much is there. */
  startBehind_ms: number;
  /** The upper threshold: `target × highFactor`, and at least `highMargin_ms` above it. */
  highFactor: number;
  highMargin_ms: number;
  /** Later than the target by this, even the strategy `speed` jumps, ms. */
  jumpExcess_ms: number;
  /** The same right after the beginning, when a slow start has cost time and a jump costs nobody's nerves. */
  startExcess_ms: number;
  /** Playback rates, slowest first: the excess over the target decides which. */
  rates: readonly { above_ms: number; rate: number }[];
  /** The spare is the least of so many ms. */
  window_ms: number;
  /** A rate holds at least so long, unless the buffer gets low, ms. */
  dwell_ms: number;
  /** Normal speed holds at least so long before a small excess is caught up with again, ms. */
  calm_ms: number;
  /** After a jump nothing is done for so long, ms. */
  settle_ms: number;
  /** After a stall, playing waits for this part of the target. */
  resumePart: number;
  /** With less than this part of the target ahead it plays slower, until half as much again is there; 0: never. */
  lowPart: number;
  /** The rate at which it gathers then: the pitch is kept, and few notice. */
  slowRate: number;
  /** Media comes in pieces of this length, so that a jump leaves half a one more ahead, ms; 0: frame by frame. */
  piece_ms: number;
}

export const DEFAULTS: PacingConfig = {
  strategy: "speed",
  target_ms: 2000,
  limit_ms: 6000,
  startBehind_ms: 1000,
  highFactor: 1.5,
  highMargin_ms: 250,
  jumpExcess_ms: 6000,
  startExcess_ms: 500,
  rates: [
    { above_ms: 0, rate: 1.05 },
    { above_ms: 400, rate: 1.1 },
    { above_ms: 3000, rate: 1.2 },
  ],
  window_ms: 4000,
  dwell_ms: 1500,
  calm_ms: 15_000,
  settle_ms: 3000,
  resumePart: 0.3,
  lowPart: 0.6,
  slowRate: 0.94,
  piece_ms: 0,
};

/**
 * `auto` begins like `low`, as a good network needs no more, and lets the buffer grow with the stalls
 * that happen. The others keep to what they say, within their limits.
 */
export const PRESETS: Record<LatencyMode, Partial<PacingConfig>> = {
  auto: { target_ms: 300, limit_ms: 4000, startBehind_ms: 120, highFactor: 1.35, highMargin_ms: 100, jumpExcess_ms: 1500, resumePart: 0.5, lowPart: 0 },
  low: { target_ms: 300, limit_ms: 1000, startBehind_ms: 80, highFactor: 1.35, highMargin_ms: 100, jumpExcess_ms: 1000, resumePart: 0.5, lowPart: 0 },
  normal: { target_ms: 2000, limit_ms: 6000, startBehind_ms: 1000 },
  smooth: { target_ms: 4000, limit_ms: 10_000, startBehind_ms: 3000 },
};

/** How a playlist brings its media. */
export interface Pieces {
  /** Length of a piece: a part, or a segment where there are no parts, ms. */
  piece_ms: number;
  /** What should be ahead when the next piece comes, ms. */
  spare_ms: number;
}

/** Pieces come as evenly as they are cut: what is more than this above the target can go. */
const EVEN: Partial<PacingConfig> = { highFactor: 1.1, highMargin_ms: 100, calm_ms: 5000 };
/** Less than this share of a piece ahead when the next one comes is too little. */
const LOW_PIECE = 0.65;

/** The preset for media that comes in pieces: at least what the playlist asks for is held. */
export function inPieces(preset: PacingConfig, { piece_ms, spare_ms }: Pieces): PacingConfig {
  const target_ms = Math.max(spare_ms, preset.target_ms);
  return {
    ...preset,
    ...(spare_ms < preset.target_ms ? {} : { ...EVEN, lowPart: (piece_ms * LOW_PIECE) / target_ms }),
    piece_ms,
    target_ms,
    limit_ms: Math.max(preset.limit_ms, target_ms * 2),
    startBehind_ms: Math.max(spare_ms, preset.startBehind_ms),
    jumpExcess_ms: Math.max(preset.jumpExcess_ms, target_ms),
  };
}

/** What a decision is made from. */
export interface CatchUpState {
  now_ms: number;
  /** End of the buffer minus play position, ms. */
  ahead_ms: number;
  /** The least `ahead_ms` of the last `window_ms`; -1 in the first second of playing and after jumps. */
  spare_ms: number;
  /** What is ahead when the next piece comes, so that one late piece tells nothing: the best of the last three.
   *  `ahead_ms` where media comes frame by frame, Infinity before it is known. */
  trough_ms: number;
  /** The present playback rate. */
  rate: number;
  /** Configured, or grown by stalls. */
  target_ms: number;
  /** Since the rate changed last, ms. */
  sinceRate_ms: number;
  /** Since the last jump, ms. */
  sinceJump_ms: number;
  /** How far before the end the newest keyframe is that leaves the target ahead, ms; null: not known. */
  keyframe_ms: number | null;
  /** Whether playing has just begun, or has just got over its stalls, and has not jumped since. */
  starting: boolean;
  config: PacingConfig;
}

export type Decision =
  | { act: "rate"; rate: number }
  /** To `back_ms` before the end; `keyframe`: to the last keyframe before that, if that is ahead, as
   *  nothing needs to be decoded then that is not shown. */
  | { act: "jump"; back_ms: number; keyframe: boolean };

/** Replaces what this file decides: `new Player({ catchUp })`, `element.catchUp = …`. */
export type CatchUp = (state: CatchUpState) => Decision;

/** A keyframe not older than the target and this is worth a jump at the start, ms. */
const FRESH_MS = 300;
/** An excess that can wait, ms. */
const SMALL_MS = 1000;

export const catchUp: CatchUp = (state) => {
  const { ahead_ms, spare_ms, rate, target_ms, config } = state;
  const stay: Decision = { act: "rate", rate };
  const normal: Decision = { act: "rate", rate: 1 };
  if (config.strategy === "none") return normal;
  if (rate > 1 && ahead_ms <= target_ms) return normal;
  if (config.strategy === "speed" && isLow(state)) return { act: "rate", rate: config.slowRate };
  if (rate < 1) return normal;
  if (state.sinceJump_ms < config.settle_ms) return stay;

  const high_ms = Math.max(target_ms * config.highFactor, target_ms + config.highMargin_ms);
  const excess_ms = spare_ms - target_ms;
  if (config.strategy === "skip") {
    return spare_ms > high_ms ? { act: "jump", back_ms: target_ms + config.piece_ms / 2, keyframe: true } : normal;
  }
  if (state.starting && excess_ms > config.startExcess_ms) {
    // From a fresh keyframe on nothing is decoded in vain: on a slow machine that would cost what it wins.
    const fresh = state.keyframe_ms === null || state.keyframe_ms < target_ms + FRESH_MS;
    return fresh ? { act: "jump", back_ms: target_ms + config.piece_ms / 2, keyframe: true } : stay;
  }
  if (excess_ms > config.jumpExcess_ms) return { act: "jump", back_ms: target_ms + config.piece_ms / 2, keyframe: true };
  if (rate === 1 && (spare_ms <= high_ms || (excess_ms < SMALL_MS && state.sinceRate_ms < config.calm_ms))) return normal;
  if (state.sinceRate_ms < config.dwell_ms) return stay;
  const step = config.rates.filter((entry) => excess_ms > entry.above_ms).at(-1);
  return { act: "rate", rate: step?.rate ?? (rate > 1 ? rate : 1) };
};

/** Less is ahead than should be: from `lowPart` of the target until half as much again is there. Not judged by the
 *  moment: each piece takes the buffer across both marks and back. */
function isLow({ trough_ms, rate, target_ms, config }: CatchUpState): boolean {
  const low_ms = target_ms * config.lowPart;
  return rate <= 1 && trough_ms < (rate < 1 ? low_ms * LOW_ENOUGH : low_ms);
}
const LOW_ENOUGH = 1.5;

/** Stalls this close together are of one incident, ms … */
const INCIDENT_GAP_MS = 8000;
/** … but an incident that goes on for longer is how this network is, ms. */
const INCIDENT_MS = 20_000;
/** Without a stall for so long an incident is over, ms. */
const CALM_MS = 4000;
/** An incident within this time of another one is a repeated one, ms. */
const REPEATED_MS = 60_000;
/** A stall raises the target by this factor, and at least by so much, ms. */
const GROWTH = { factor: 1.5, least_ms: 200 };
/** Without a stall for `after_ms`, the target shrinks by `factor` every `each_ms`. */
const SHRINK = { after_ms: 60_000, each_ms: 15_000, factor: 0.93 };

/**
 * The target as stalls have made it. Stalls come in incidents: a link that is too narrow for a while
 * stalls again and again, and is as good as before when that is over. So each further stall of an incident
 * raises the target, that the picture may stand less often, and the end of the incident takes all of it
 * back. An incident within a minute of another one says that the buffer is too small for this network: then the
 * target is raised for good, as catching up would throw away what the next stall needs. A quiet minute
 * lets it shrink again, a few percent at a time: growing takes seconds and shrinking minutes, so the two
 * never chase each other.
 */
export class Target {
  private grown_ms: number;
  /** What the stalls of the present incident made of it. */
  private raised_ms: number;
  private incidentAt_ms = -Infinity;
  private lastStall_ms = -Infinity;
  private lastShrink_ms = -Infinity;

  constructor(private config: PacingConfig) {
    this.grown_ms = config.target_ms;
    this.raised_ms = config.target_ms;
  }

  configure(config: PacingConfig): void {
    const more_ms = this.grown_ms - this.config.target_ms;
    this.config = config;
    this.grown_ms = Math.min(config.target_ms + more_ms, Math.max(config.limit_ms, config.target_ms));
    this.raised_ms = this.grown_ms;
  }

  stalled(now_ms: number): void {
    const since_ms = now_ms - this.lastStall_ms;
    const isSame = since_ms < INCIDENT_GAP_MS && now_ms - this.incidentAt_ms < INCIDENT_MS;
    if (!isSame) {
      if (since_ms < REPEATED_MS) this.grown_ms = this.more(Math.max(this.grown_ms, since_ms < INCIDENT_GAP_MS ? this.raised_ms : 0));
      this.incidentAt_ms = now_ms;
      this.raised_ms = this.grown_ms;
    } else {
      this.raised_ms = this.more(Math.max(this.raised_ms, this.grown_ms));
    }
    this.lastStall_ms = now_ms;
  }

  private more(than_ms: number): number {
    return Math.max(than_ms, Math.min(this.config.limit_ms, Math.max(than_ms * GROWTH.factor, than_ms + GROWTH.least_ms)));
  }

  /** When the last incident was over, or will be if nothing stalls; -Infinity before the first. */
  get calmAt_ms(): number {
    return this.lastStall_ms + CALM_MS;
  }

  at(now_ms: number): number {
    const since_ms = now_ms - Math.max(this.lastStall_ms + SHRINK.after_ms, this.lastShrink_ms + SHRINK.each_ms);
    if (since_ms >= 0 && this.grown_ms > this.config.target_ms) {
      this.grown_ms = Math.max(this.config.target_ms, this.grown_ms * SHRINK.factor);
      this.lastShrink_ms = now_ms;
    }
    return now_ms < this.calmAt_ms ? Math.max(this.grown_ms, this.raised_ms) : this.grown_ms;
  }
}

/** Less than so much of history is nothing to judge by, ms. */
const JUDGE_MS = 1000;
/** The beginning is over after this: a keyframe has come by then, if they come often, ms. */
const START_MS = 4000;
/** So long after an incident what came late has come, and can be seen for what it is, ms. */
const RECOVER_MS = 8000;
/** Holding longer than this does not help, ms. */
const HOLD_LIMIT_MS = 4000;
/** At the start the picture stands at most so long for what there should be behind it, ms. */
const START_HOLD_MS = 1500;

/** Pieces in a row before which little was ahead. */
const TROUGHS = 3;
/** Samples come by the tick, so that the oldest one is not quite as old as the window is long. */
const MOST_OF_WINDOW = 0.9;

/** Keeps the history that `catchUp` judges by; one for each connection's worth of playing. */
export class Pacer {
  readonly target: Target;
  private samples: { at_ms: number; ahead_ms: number }[] = [];
  private rateAt_ms = -Infinity;
  private jumpAt_ms = -Infinity;
  private rate = 1;
  /** What is waited for, and until when at the latest. */
  private held: { enough_ms: number; until_ms: number } | null = null;
  private startAt_ms: number | null = null;

  constructor(
    private config: PacingConfig,
    private readonly decide: CatchUp = catchUp,
  ) {
    this.target = new Target(config);
  }

  /** Other numbers; what stalls have made of the target is kept, as far as they allow it. */
  configure(config: PacingConfig): void {
    this.config = config;
    this.target.configure(config);
  }

  /** The buffer ran empty: the target may grow, and playing waits until something has gathered. */
  stalled(now_ms: number): void {
    this.target.stalled(now_ms);
    this.held ??= { enough_ms: this.target.at(now_ms) * this.config.resumePart, until_ms: now_ms + HOLD_LIMIT_MS };
    this.samples = [];
  }

  /** The viewer wants more held: waits for as much as there is at the start. */
  gather(now_ms: number): void {
    this.held = { enough_ms: this.config.startBehind_ms, until_ms: now_ms + HOLD_LIMIT_MS };
  }

  /** Whether playing waits because we want it to: that is no stall. */
  get isHolding(): boolean {
    return this.rate === 0;
  }

  /** A new beginning: what was measured before says nothing any more. */
  restart(): void {
    this.samples = [];
    this.held = null;
    this.rate = 1;
    this.startAt_ms = null;
  }

  /** After a jump, by whomever. */
  moved(now_ms: number): void {
    this.samples = [];
    this.jumpAt_ms = now_ms;
  }

  /** To be asked a few times a second. A rate of 0 means: hold. */
  tick(now_ms: number, ahead_ms: number, keyframe_ms: number | null = null): Decision {
    if (this.startAt_ms === null) {
      this.startAt_ms = now_ms;
      this.held ??= { enough_ms: this.config.startBehind_ms, until_ms: now_ms + START_HOLD_MS };
    }
    if (this.holds(now_ms, ahead_ms)) return this.record(now_ms, { act: "rate", rate: 0 });
    this.samples.push({ at_ms: now_ms, ahead_ms });
    const from_ms = now_ms - this.config.window_ms;
    const enough = now_ms - this.samples[0]!.at_ms >= JUDGE_MS;
    this.samples = this.samples.filter((sample) => sample.at_ms >= from_ms);
    const state: CatchUpState = {
      now_ms,
      ahead_ms,
      spare_ms: enough ? Math.min(...this.samples.map((sample) => sample.ahead_ms)) : -1,
      trough_ms: this.trough_ms(now_ms, ahead_ms),
      rate: this.rate === 0 ? 1 : this.rate,
      target_ms: this.target.at(now_ms),
      sinceRate_ms: now_ms - this.rateAt_ms,
      sinceJump_ms: now_ms - this.jumpAt_ms,
      keyframe_ms,
      starting: enough && (this.isJustAfter(this.startAt_ms, now_ms, START_MS) || this.isJustAfter(this.target.calmAt_ms, now_ms, RECOVER_MS)),
      config: this.config,
    };
    return this.record(now_ms, this.decide(state));
  }

  private trough_ms(now_ms: number, ahead_ms: number): number {
    const { piece_ms, window_ms } = this.config;
    if (piece_ms === 0) return ahead_ms;
    // Of long pieces the window has fewer.
    if (now_ms - this.samples[0]!.at_ms < Math.min(TROUGHS * piece_ms, window_ms * MOST_OF_WINDOW)) return Infinity;
    const leasts = Array.from({ length: TROUGHS }, (_, back) => {
      const until_ms = now_ms - back * piece_ms;
      const piece = this.samples.filter(({ at_ms }) => at_ms <= until_ms && at_ms > until_ms - piece_ms);
      return piece.length === 0 ? -Infinity : Math.min(...piece.map((sample) => sample.ahead_ms));
    });
    return Math.max(...leasts);
  }

  /** Whether this was a moment ago, and no jump came since. */
  private isJustAfter(at_ms: number, now_ms: number, long_ms: number): boolean {
    return now_ms >= at_ms && now_ms - at_ms < long_ms && this.jumpAt_ms < at_ms;
  }

  private holds(now_ms: number, ahead_ms: number): boolean {
    if (this.held === null || this.config.strategy === "none") return false;
    if (ahead_ms >= this.held.enough_ms || now_ms > this.held.until_ms) this.held = null;
    return this.held !== null;
  }

  private record(now_ms: number, decision: Decision): Decision {
    if (decision.act === "jump") this.moved(now_ms);
    const rate = decision.act === "rate" ? decision.rate : 1;
    if (rate !== this.rate) this.rateAt_ms = now_ms;
    this.rate = rate;
    return decision;
  }
}

/** Delays that double up to a limit, with jitter so that a crowd does not come back at once. */
export class Backoff {
  private failures = 0;

  constructor(
    private readonly first_ms = 1000,
    private readonly limit_ms = 8000,
    private readonly random: () => number = Math.random,
  ) {}

  /** The next delay, ms: between 75 % and 125 % of the doubled one. */
  next(): number {
    const plain = Math.min(this.limit_ms, this.first_ms * 2 ** this.failures);
    this.failures = Math.min(this.failures + 1, 16);
    return Math.round(plain * (0.75 + this.random() / 2));
  }

  reset(): void {
    this.failures = 0;
  }
}
