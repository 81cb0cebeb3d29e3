//! weir's HTTP API for programs and pages.

export * from "./client";
export type * from "./schema";
