//! What goes wrong, as a code of the table (docs/ref/errors.md) with words a person can act on.

/** Codes of problems that arise here rather than at the server. */
export const LOCAL = {
  codec: 3006,
  stopped: 4001,
  network: 4003,
  protocol: 4004,
  tooMuch: 4011,
} as const;

/** Name and advice of the codes a publisher can meet. */
const REGISTRY: Record<number, readonly [name: string, advice: string]> = {
  1001: ["auth_missing", "Add ?key=… (the stream key) or the signed parameters to the URL."],
  1002: ["auth_malformed", "Check the parameters e, a, k and s of the signed URL."],
  1003: ["auth_expired", "Ask your server for a fresh URL; check both clocks."],
  1004: ["auth_bad_signature", "Copy the stream key again; sign exactly the names that are in the URL."],
  1005: ["auth_replayed", "Sign a new URL for each attempt."],
  1006: ["auth_revoked", "Use the current key."],
  1007: ["auth_wrong_action", "Sign with a=publish to publish."],
  2001: ["stream_banned", "Ask the operator; the ban may have an end."],
  2002: ["app_disabled", "Use an app the operator has enabled."],
  2003: ["ip_denied", "Ask the operator."],
  2004: ["region_denied", "Ask the operator."],
  2005: ["quota_streams", "End another stream, or raise the limit."],
  2007: ["account_suspended", "Ask the operator."],
  2008: ["origin_refused", "Check the key and the name: somebody may be live there under this name."],
  3001: ["not_found", "Check the address: /slsp/{app}/{stream}."],
  3004: ["already_publishing", "Stop the other publisher, or choose another name."],
  3005: ["taken_over", "If that was not you, change the stream key."],
  3006: ["codec_unsupported", "Try another browser, or another codec or encoder in the options."],
  4001: ["client_stopped", "Nothing: this is how a stream ends."],
  4002: ["no_data", "Check the camera and the uplink, then go live again."],
  4003: ["network_reset", "Check the network, then go live again."],
  4004: ["protocol_error", "Check that this address is meant for a browser; update the page."],
  4005: ["frame_too_large", "Lower the bitrate or the picture size."],
  4006: ["bad_timestamps", "Go live again."],
  4007: ["no_codec_header", "Go live again."],
  4008: ["operator", "Ask the operator."],
  4009: ["draining", "Go live again; another node will take you."],
  4010: ["too_slow", "Check the network; choose a lower quality."],
  4011: ["bitrate_exceeded", "Choose a lower quality: the app takes no more."],
  5001: ["overloaded", "Try again later."],
  5002: ["origin_unreachable", "Try again later."],
  5003: ["storage", "Try again later."],
  5004: ["moved", "Follow the address given."],
};

export class PublishError extends Error {
  readonly code: number;
  readonly codeName: string;
  readonly advice?: string;
  /** Whether the same attempt may succeed later. */
  readonly retryable: boolean;

  constructor(code: number, message: string, more: { codeName?: string; advice?: string; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = "PublishError";
    const known = REGISTRY[code];
    this.code = code;
    this.codeName = more.codeName ?? known?.[0] ?? "unknown";
    const advice = more.advice ?? known?.[1];
    if (advice !== undefined) this.advice = advice;
    this.retryable = isRetryable(code);
  }
}

/** As the protocol says (slsp.md, `error`): below 4000 never, and these may go away by themselves. */
export function isRetryable(code: number): boolean {
  return code === 4002 || code === 4003 || code === 4009 || code === 4010 || code >= 5000;
}

/**
 * The error behind a close frame: its reason is `{code} {name}`. Null for a socket that just broke,
 * which is no error yet.
 */
export function errorOfClose(reason: string, message: string): PublishError | null {
  const code = Number(/^(\d{4})\b/.exec(reason)?.[1]);
  if (!Number.isInteger(code)) return null;
  return new PublishError(code, message || REGISTRY[code]?.[1] || reason);
}
