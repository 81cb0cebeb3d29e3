//! When a player is refused for want of leave to watch. Pure.

import type { PlayerStatus } from "@weir/player";

/** Codes by which the server asks for a ticket, or says that one counts no more. */
const TAKES_LEAVE = [1001, 1003, 1006, 2007];

export const wantsLeave = (status: Pick<PlayerStatus, "fault">): boolean => TAKES_LEAVE.includes(status.fault?.code ?? 0);
