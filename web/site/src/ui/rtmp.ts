//! Where the server speaks RTMP, asked once for all pages.

import { fetchRtmp, type RtmpAddress } from "@weir/player";
import { useEffect, useState } from "preact/hooks";

/** The usual port, for a server that does not say. */
const USUAL: RtmpAddress = { host: null, port: 1935 };

let asked: Promise<RtmpAddress | null> | undefined;

/** undefined until it is known; null where RTMP is not spoken. */
export function useRtmp(): RtmpAddress | null | undefined {
  const [address, setAddress] = useState<RtmpAddress | null>();
  useEffect(() => {
    let gone = false;
    asked ??= fetchRtmp();
    void asked.catch(() => USUAL).then((known) => void (gone || setAddress(known)));
    return () => void (gone = true);
  }, []);
  return address;
}
