//! Chat without any looks. The words over the picture are in `danmaku`.

export { Chat, type ChatOptions } from "./chat";
export { ChatError, mayComeAgain, type ChatErrorName } from "./errors";
export type { Author, Backoff, ChatEvents, ChatState, Entered, History, Place, Post, Published, RoomMode, User, Who } from "./types";
