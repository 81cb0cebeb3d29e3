//! The player's addresses and the server's table of them (weir-base's `urls`), which writes stream-paths.json.

import { expect, test } from "vitest";
import { embedPath, mediaUrl, rtmpUrl, watchPath } from "../src/urls";
import table from "./stream-paths.json";

const origin = { protocol: "http:", host: "h", hostname: "h" };
const name = { app: "a/b c", stream: "直播?" };

test("the player writes addresses as the server reads them", () => {
  const written = {
    rtmp: rtmpUrl(origin, name).replace("rtmp://h", ""),
    flv: mediaUrl(origin, name, "flv").replace("http://h", ""),
    hls: mediaUrl(origin, name, "hls").replace("http://h", ""),
    "hls-ts": mediaUrl(origin, name, "ts").replace("http://h", ""),
    watch: watchPath(name),
    embed: embedPath(name),
  };
  expect(table).toMatchObject(written);
  expect(mediaUrl(origin, name, "wsflv")).toBe(`ws://h${table.flv}`);
});
