//! When to play faster, when to jump, how long to wait before asking again. Pure.

export interface CatchUpConfig {
  /** Buffered ahead of the play position beyond which playback speeds up, ms. */
  speedUpAbove_ms: number;
  /** Back to normal speed below this, ms: lower than the above, so that the rate does not flap. */
  normalBelow_ms: number;
  /** 1.1: pitch is kept by the browser, and few people notice. */
  rate: number;
  /** Beyond this, jump instead, ms. */
  jumpAbove_ms: number;
  /** How much to keep ahead after a jump, ms. */
  jumpKeep_ms: number;
}

export const CATCH_UP: CatchUpConfig = {
  speedUpAbove_ms: 3000,
  normalBelow_ms: 1500,
  rate: 1.1,
  jumpAbove_ms: 8000,
  jumpKeep_ms: 1500,
};

export type CatchUp = { act: "rate"; rate: number } | { act: "jump"; back_ms: number };

/** `ahead_ms` is buffered end − play position; `rate` the present playback rate. */
export function catchUp(ahead_ms: number, rate: number, config: CatchUpConfig = CATCH_UP): CatchUp {
  if (ahead_ms > config.jumpAbove_ms) return { act: "jump", back_ms: config.jumpKeep_ms };
  if (ahead_ms > config.speedUpAbove_ms) return { act: "rate", rate: config.rate };
  if (rate > 1 && ahead_ms > config.normalBelow_ms) return { act: "rate", rate };
  return { act: "rate", rate: 1 };
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
