//! The rate controller: from what the link does to what the encoder shall do. A pure function of
//! time and signals; all its numbers are in `CONTROL`. The steering is that of docs/ref/slsp.md,
//! with one better idea: acknowledgements tell what the link delivers, so that a fall is answered by
//! going straight below it, and not by steps.

import { DeliveryRate } from "./delivery";

export interface ControlNumbers {
  /** The first rate, as a share of the ceiling. */
  start: number;
  /** Time between two decisions, ms. */
  interval_ms: number;
  /** Without an acknowledgement for so many times `ack_ms` the link pauses: that is not slowness. */
  silence: number;
  /** The delivery rate is measured over this, ms: several acknowledgements. */
  rateWindow_ms: number;
  /** A queue that does not go below this within `queueWindow_ms` is congestion, ms. */
  queueHigh_ms: number;
  /** Below this there is no queue worth the name, ms. */
  queueLow_ms: number;
  /** How long a queue must stand: a keyframe is a queue too, but one that goes away. */
  queueWindow_ms: number;
  /** A queue above this is not waited for, ms. */
  queueNow_ms: number;
  /** With this queue, and less arriving than `collapse` of the rate, the link has fallen, ms. */
  queueCollapse_ms: number;
  collapse: number;
  /** A small queue that stays: this share of what is delivered is sent. */
  fullShare: number;
  /** From here every other picture is dropped before it is encoded, ms. */
  halve_ms: number;
  /** From here what waits is dropped to the next keyframe, ms: a jump of a second is seen once, a queue of two is
   *  two seconds more behind for all who watch, and a stall. */
  drop_ms: number;
  /** At least this between two such drops, ms: keyframes are dear. */
  dropPause_ms: number;
  /** What of the delivery rate is used once there is congestion. */
  share: number;
  /** What waits shall be gone in this time, ms: so much less is sent meanwhile. */
  drain_ms: number;
  /** Never below this share of the delivery rate to drain: a picture has to remain. */
  drainFloor: number;
  /** With a queue beyond `halve_ms` and nothing to measure by: this share, once in `stepPause_ms`. */
  step: number;
  stepPause_ms: number;
  /** Without a queue for this long the rate climbs, ms. */
  clean_ms: number;
  /** The climb begins with this share a second … */
  climb: number;
  /** … and becomes this many times steeper each second without a queue … */
  climbFaster: number;
  /** … up to this share a second. */
  climbMost: number;
  /** Up to this share of what the link was seen to deliver lately, the steepest climb is safe. */
  proven: number;
  /** The climb goes no further than so many times what was seen to arrive. */
  ahead: number;
  /** How long a delivery rate seen is believed, ms. */
  provenWindow_ms: number;
  /** An encoder that uses less of its rate than this proves nothing: no climb above the start. */
  used: number;
  /** What is kept of the rate over a reconnection. */
  afterReconnect: number;
  /** Bits a pixel below which a picture is better smaller. */
  bitsPerPixel: number;
  /** To grow again, the larger picture's floor must be exceeded so many times. */
  growMargin: number;
  /** A size is kept for this long at least before it becomes smaller, ms. */
  sizeHold_ms: number;
  /**
   * A smaller size is kept for this long at least, ms. Not as long: a small picture's encoder cannot
   * use what a link gives that has become wide again, and so proves nothing of it.
   */
  growHold_ms: number;
  /** The sizes, as shares of width and height. */
  sizes: readonly number[];
  /** An encoder with so many pictures waiting is too slow. */
  encodeQueueHigh: number;
  /** An encoder that gives more than it was told is told less, down to one part in so many. */
  overshootMost: number;
  /** How fast what it gives too much is learnt, and forgotten, ms. */
  overshoot_ms: number;
  /** After a change of size the encoder gets so long before it is judged, ms. */
  sizeSettle_ms: number;
  /** How fast it is forgotten that an encoder could not give less, ms. */
  stuckForget_ms: number;
}

export const CONTROL: ControlNumbers = {
  start: 0.6,
  interval_ms: 100,
  silence: 2,
  rateWindow_ms: 600,
  queueHigh_ms: 300,
  queueLow_ms: 120,
  queueWindow_ms: 400,
  queueNow_ms: 700,
  queueCollapse_ms: 200,
  collapse: 0.7,
  fullShare: 0.93,
  halve_ms: 1000,
  drop_ms: 1200,
  dropPause_ms: 3000,
  share: 0.85,
  drain_ms: 2000,
  drainFloor: 0.35,
  step: 0.8,
  stepPause_ms: 1000,
  clean_ms: 400,
  climb: 0.12,
  climbFaster: 3,
  climbMost: 1,
  proven: 0.9,
  ahead: 1.5,
  provenWindow_ms: 3000,
  used: 0.6,
  afterReconnect: 0.7,
  bitsPerPixel: 0.022,
  growMargin: 1.4,
  sizeHold_ms: 10_000,
  growHold_ms: 2000,
  sizes: [1, 0.75, 0.5, 0.375, 0.25],
  encodeQueueHigh: 3,
  overshootMost: 2.5,
  overshoot_ms: 1200,
  sizeSettle_ms: 1500,
  stuckForget_ms: 60_000,
};

/** What is known at a moment. Rates are of everything sent, sound and container included. */
export interface Signals {
  /** Media captured and not acknowledged beyond the round trip, ms. */
  queue_ms: number;
  /** Bytes encoded and not acknowledged. */
  backlog_bytes: number;
  /** Bytes acknowledged since the session began. */
  acked_bytes: number;
  /** When the newest acknowledgement came, ms on the clock of `now_ms`. */
  acked_at_ms: number;
  /** Time between acknowledgements while something arrives. */
  ack_ms: number;
  rtt_ms: number;
  /** What came out of the encoders in the last second or so. */
  encoded_kbps: number;
  /** Pictures that wait for the encoder. */
  encodeQueue: number;
  /** Sound and container: what of the rate is not for the picture. */
  overhead_kbps: number;
  /** The picture never gets less. */
  floor_kbps: number;
  /** The most that may be sent. */
  ceiling_kbps: number;
  /** The picture in full size, and how often. */
  width: number;
  height: number;
  fps: number;
}

export interface Decision {
  /** For the video encoder. */
  kbps: number;
  /** All that is to be sent. */
  total_kbps: number;
  /** Every picture (1) or every other (2) is encoded. */
  keepEvery: 1 | 2;
  /** Throw away what waits up to the next keyframe, and force one. */
  dropToKeyframe: boolean;
  /** Share of width and height to encode at. */
  scale: number;
  /** Whether the link gave cause to go down, is being tried upwards, or neither. */
  phase: "steady" | "falling" | "climbing";
  /** What the link delivers, where that is known. */
  delivered_kbps: number | null;
}

export interface Controller {
  update(now_ms: number, signals: Signals): Decision;
  /** The connection was lost and is there again; acknowledgements may count from zero. */
  reconnected(now_ms: number): void;
}

export class RateController implements Controller {
  private total_kbps = 0;
  private readonly delivery: DeliveryRate;
  private readonly queue: { at_ms: number; queue_ms: number }[] = [];
  private cleanSince_ms: number | null = null;
  /** What was delivered before proves nothing any more. */
  private fellAt_ms = Number.NEGATIVE_INFINITY;
  private lastStep_ms = Number.NEGATIVE_INFINITY;
  /** What the link last delivered when it was full. */
  private lastKnee_kbps = Number.POSITIVE_INFINITY;
  /** Since when there has been something waiting for the link. */
  private fullSince_ms: number | null = null;
  /** What the full link delivered during the present congestion. */
  private knee_kbps: number | null = null;
  private lastUpdate_ms: number | null = null;
  private lastDrop_ms = Number.NEGATIVE_INFINITY;
  private isHalved = false;
  private size = 0;
  private sizeSince_ms = Number.NEGATIVE_INFINITY;
  private phase: Decision["phase"] = "steady";
  /** Bits a pixel that an encoder at its wits' end gave. */
  private stuckBits = 0;

  private readonly overshoot: Overshoot;

  constructor(private readonly numbers: ControlNumbers = CONTROL) {
    this.overshoot = new Overshoot(numbers);
    this.delivery = new DeliveryRate(numbers.provenWindow_ms);
  }

  update(now_ms: number, signals: Signals): Decision {
    const { numbers } = this;
    const low_kbps = Math.min(signals.ceiling_kbps, signals.floor_kbps + signals.overhead_kbps);
    if (this.lastUpdate_ms === null) this.total_kbps = signals.ceiling_kbps * numbers.start;
    const passed_ms = Math.max(0, now_ms - (this.lastUpdate_ms ?? now_ms));
    this.lastUpdate_ms = now_ms;
    this.delivery.add(signals.acked_at_ms, signals.acked_bytes);
    const delivered_kbps = this.fullRate(now_ms, signals);
    const wait_ms = this.wait(signals, delivered_kbps);
    const standing_ms = this.standingQueue(now_ms, signals.queue_ms);

    if (this.isCongested(signals, standing_ms, delivered_kbps)) this.fall(now_ms, signals, delivered_kbps);
    else if (standing_ms > numbers.queueLow_ms) this.hold(delivered_kbps);
    else this.climb(now_ms, passed_ms, signals);
    this.total_kbps = clamp(this.total_kbps, low_kbps, signals.ceiling_kbps);

    const dropToKeyframe = wait_ms > numbers.drop_ms && now_ms - this.lastDrop_ms >= numbers.dropPause_ms;
    if (dropToKeyframe) this.lastDrop_ms = now_ms;
    const kbps = Math.max(signals.floor_kbps, this.total_kbps - signals.overhead_kbps);
    const keepEvery = this.keepEvery(wait_ms, signals.encodeQueue);
    const overshoot = this.overshoot.update(now_ms, passed_ms, this.total_kbps, signals.encoded_kbps);
    return {
      kbps: Math.max(signals.floor_kbps, kbps / overshoot),
      total_kbps: this.total_kbps,
      keepEvery,
      dropToKeyframe,
      scale: this.scale(now_ms, this.lasting(kbps, signals), signals, this.leastBits(now_ms, passed_ms, keepEvery, signals)),
      phase: this.phase,
      delivered_kbps,
    };
  }

  reconnected(now_ms: number): void {
    this.delivery.clear();
    this.queue.length = 0;
    this.cleanSince_ms = null;
    this.lastUpdate_ms = now_ms;
    this.lastDrop_ms = now_ms;
    this.total_kbps *= this.numbers.afterReconnect;
  }

  /**
   * What the link delivers while it is full; null when it is not, or silent. A rate measured while
   * little was sent says little, and a link that pauses (a radio does, a busy computer does) has not
   * become slow.
   */
  private fullRate(now_ms: number, { queue_ms, acked_at_ms, ack_ms }: Signals): number | null {
    const { numbers } = this;
    const gap_ms = numbers.silence * ack_ms;
    const isSilent = now_ms - acked_at_ms > gap_ms;
    if (isSilent || queue_ms <= numbers.queueLow_ms) this.fullSince_ms = null;
    else this.fullSince_ms ??= acked_at_ms;
    if (this.fullSince_ms === null) return null;
    return this.delivery.since(Math.max(this.fullSince_ms, now_ms - numbers.rateWindow_ms), gap_ms);
  }

  /** The least queue of the window: what does not go away by itself. */
  private standingQueue(now_ms: number, queue_ms: number): number {
    this.queue.push({ at_ms: now_ms, queue_ms });
    while (this.queue.length > 1 && this.queue[1]!.at_ms <= now_ms - this.numbers.queueWindow_ms) this.queue.shift();
    return Math.min(...this.queue.map((each) => each.queue_ms));
  }

  /** A queue that stands, a large one, or a small one while much less arrives than is sent. */
  private isCongested({ queue_ms, encoded_kbps }: Signals, standing_ms: number, delivered_kbps: number | null): boolean {
    const { numbers } = this;
    if (standing_ms > numbers.queueHigh_ms || queue_ms > numbers.queueNow_ms) return true;
    // An encoder that gives less than it may, as on a busy machine, has not made the link narrow.
    const given_kbps = Math.min(this.total_kbps, encoded_kbps);
    const isCollapsing = delivered_kbps !== null && delivered_kbps < given_kbps * numbers.collapse;
    return isCollapsing && queue_ms > numbers.queueCollapse_ms;
  }

  /** How long what is encoded last will take to arrive: by its age, or by what the link delivers. */
  private wait({ queue_ms, backlog_bytes, rtt_ms }: Signals, delivered_kbps: number | null): number {
    if (delivered_kbps === null || delivered_kbps <= 0 || queue_ms < this.numbers.queueCollapse_ms) return queue_ms;
    return Math.max(queue_ms, (backlog_bytes * 8) / delivered_kbps - rtt_ms);
  }

  /** With a queue the link is full, so what it delivers is what it can. */
  private fall(now_ms: number, signals: Signals, delivered_kbps: number | null): void {
    const { numbers } = this;
    this.cleanSince_ms = null;
    if (this.phase !== "falling") this.fellAt_ms = now_ms;
    this.phase = "falling";
    if (delivered_kbps === null) return this.fallBlindly(now_ms, signals.queue_ms);
    const backlog_ms = (signals.backlog_bytes * 8) / Math.max(1, delivered_kbps) - signals.rtt_ms;
    if (backlog_ms > numbers.queueHigh_ms) {
      this.knee_kbps = delivered_kbps;
      this.lastKnee_kbps = delivered_kbps;
    }
    const drained_kbps = delivered_kbps * (1 - backlog_ms / numbers.drain_ms);
    const wanted_kbps = clamp(drained_kbps, delivered_kbps * numbers.drainFloor, delivered_kbps * numbers.share);
    // While it drains the wish rises by itself; going along with it would fill the queue again.
    this.total_kbps = Math.min(this.total_kbps, Math.max(wanted_kbps, 1));
  }

  /** Acknowledgements too sparse to measure by: by steps, as long as there is a real queue. */
  private fallBlindly(now_ms: number, queue_ms: number): void {
    const { numbers } = this;
    if (queue_ms < numbers.halve_ms || now_ms - this.lastStep_ms < numbers.stepPause_ms) return;
    this.lastStep_ms = now_ms;
    this.total_kbps *= numbers.step;
  }

  /** A small queue that stays says that the link is just full: a little less, and no more for now. */
  private hold(delivered_kbps: number | null): void {
    this.cleanSince_ms = null;
    if (this.phase === "falling" || delivered_kbps === null) return;
    this.phase = "steady";
    this.lastKnee_kbps = delivered_kbps;
    this.total_kbps = Math.min(this.total_kbps, delivered_kbps * this.numbers.fullShare);
  }

  private climb(now_ms: number, passed_ms: number, signals: Signals): void {
    const { numbers } = this;
    if (this.knee_kbps !== null) {
      // What was held back to drain the queue is given back at once.
      this.total_kbps = Math.max(this.total_kbps, this.knee_kbps * numbers.share);
      this.knee_kbps = null;
    }
    this.cleanSince_ms ??= now_ms;
    const clean_ms = now_ms - this.cleanSince_ms - numbers.clean_ms;
    const peak_kbps = this.delivery.peak(now_ms, Math.min(numbers.provenWindow_ms, now_ms - this.fellAt_ms));
    const isProven = this.total_kbps < Math.min(peak_kbps * numbers.proven, signals.ceiling_kbps);
    if (clean_ms < 0 && !isProven) return;
    const isUsed = signals.encoded_kbps >= this.total_kbps * numbers.used;
    // Unused, a rate is only a promise: no higher than what held before, or the start.
    const promise_kbps = Math.min(signals.ceiling_kbps * numbers.start, this.lastKnee_kbps * numbers.share);
    if (this.total_kbps > Math.max(peak_kbps * numbers.ahead, isUsed ? 0 : promise_kbps)) return;
    const share = isProven
      ? numbers.climbMost
      : Math.min(numbers.climbMost, numbers.climb * numbers.climbFaster ** (clean_ms / 1000));
    this.phase = this.total_kbps < signals.ceiling_kbps * 0.98 ? "climbing" : "steady";
    this.total_kbps *= 1 + (share * Math.min(passed_ms, 1000)) / 1000;
  }

  private keepEvery(wait_ms: number, encodeQueue: number): 1 | 2 {
    const { numbers } = this;
    const isSlow = encodeQueue > numbers.encodeQueueHigh;
    if (wait_ms > numbers.halve_ms || isSlow) this.isHalved = true;
    else if (wait_ms < numbers.queueHigh_ms && encodeQueue <= 1) this.isHalved = false;
    return this.isHalved ? 2 : 1;
  }

  /**
   * Bits a pixel below which a picture is better smaller: what looks right, or, for an encoder at its
   * wits' end, what it gives at the least. That is forgotten slowly: the picture may get calmer.
   */
  private leastBits(now_ms: number, passed_ms: number, keepEvery: number, signals: Signals): number {
    const { numbers } = this;
    const share = numbers.sizes[this.size] ?? 1;
    const pixels = (signals.width * signals.height * share * share * signals.fps) / keepEvery;
    const isSettled = now_ms - this.sizeSince_ms > numbers.sizeSettle_ms;
    if (this.overshoot.isStuck && isSettled && pixels > 0) {
      const bits = (Math.max(0, signals.encoded_kbps - signals.overhead_kbps) * 1000) / pixels;
      this.stuckBits = Math.max(this.stuckBits, bits);
    } else {
      this.stuckBits *= 1 - Math.min(1, passed_ms / numbers.stuckForget_ms);
    }
    return Math.max(numbers.bitsPerPixel, this.stuckBits);
  }

  /** What will be there when the queue is gone: the size of the picture is for longer than that. */
  private lasting(kbps: number, { overhead_kbps }: Signals): number {
    return Math.max(kbps, (this.knee_kbps ?? 0) * this.numbers.share - overhead_kbps);
  }

  private scale(now_ms: number, kbps: number, signals: Signals, leastBits: number): number {
    const { numbers } = this;
    const floorOf = (size: number) => {
      const share = numbers.sizes[size] ?? 1;
      return (signals.width * signals.height * share * share * signals.fps * leastBits) / 1000;
    };
    const held_ms = now_ms - this.sizeSince_ms;
    let size = this.size;
    if (held_ms >= numbers.sizeHold_ms) while (size < numbers.sizes.length - 1 && kbps < floorOf(size)) size++;
    if (held_ms >= numbers.growHold_ms) while (size > 0 && kbps > floorOf(size - 1) * numbers.growMargin) size--;
    if (size !== this.size) {
      this.size = size;
      this.sizeSince_ms = now_ms;
    }
    return numbers.sizes[this.size] ?? 1;
  }
}

/** So many times too much is too much. */
const STUCK = 1.1;
/** What was encoded is measured over this, ms. */
const ENCODED_WINDOW_MS = 1000;

/**
 * How many times what it was told an encoder gives: some do not know how to be frugal with noise or
 * with a picture that moves all over, and what they give too much would stand in the queue.
 */
class Overshoot {
  private readonly told: { at_ms: number; kbps: number }[] = [];
  private factor = 1;
  /** Told the least there is sense in, it still gives too much. */
  isStuck = false;

  constructor(private readonly numbers: ControlNumbers) {}

  update(now_ms: number, passed_ms: number, told_kbps: number, encoded_kbps: number): number {
    this.told.push({ at_ms: now_ms, kbps: told_kbps });
    while (this.told[0]!.at_ms < now_ms - ENCODED_WINDOW_MS) this.told.shift();
    const mean_kbps = this.told.reduce((sum, each) => sum + each.kbps, 0) / this.told.length;
    const now = clamp(encoded_kbps / Math.max(1, mean_kbps), 0.5, 2);
    // What is told is divided by the factor, so it is the factor that has to grow by what is too much.
    const change = (now - 1) * Math.min(1, passed_ms / this.numbers.overshoot_ms);
    this.factor = clamp(this.factor * (1 + change), 1, this.numbers.overshootMost);
    this.isStuck = this.factor > this.numbers.overshootMost * 0.95 && now > STUCK;
    return this.factor;
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
