//! How to publish, with everything ready to paste.

import { rtmpAppUrl } from "@weir/player";
import { t } from "../i18n";
import { Copy } from "../ui/Copy";
import { useRtmp } from "../ui/rtmp";

export function GoLive() {
  const rtmp = useRtmp();
  return (
    <section class="golive" aria-labelledby="golive">
      <h2 id="golive">{t("goLive")}</h2>
      <div class="here">
        <a class="button" href="/studio">{t("goLiveHere")}</a>
        <p>{t("goLiveHereHint")}</p>
      </div>
      {rtmp && <Encoders server={rtmpAppUrl(location, "live", rtmp)} />}
    </section>
  );
}

function Encoders({ server }: { server: string }) {
  const ffmpeg =
    "ffmpeg -re -stream_loop -1 -i video.mp4 -c:v libx264 -preset veryfast -tune zerolatency " +
    `-pix_fmt yuv420p -g 60 -c:a aac -f flv "${server}/STREAM_KEY"`;
  return (
    <>
      <p>{t("goLiveIntro")}</p>
      <Copy label={t("server")} text={server} />
      <div class="ways">
        <div>
          <h3>{t("withObs")}</h3>
          <ol>
            <li>{t("obs1")}</li>
            <li>{t("obs2")}</li>
            <li>{t("obs3")}</li>
            <li>{t("obs4")}</li>
          </ol>
        </div>
        <div>
          <h3>{t("withFfmpeg")}</h3>
          <p>{t("ffmpegHint")}</p>
          <Copy label="ffmpeg" text={ffmpeg} />
        </div>
      </div>
    </>
  );
}
