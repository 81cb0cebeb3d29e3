//! What is shown, and by which devices; in reach while live, too.

import type { DeskState } from "./desk";
import { Choice } from "./Fields";
import { Glyph } from "./icons";
import type { SourceKind } from "./settings";
import { SOURCE_ICON, sources } from "./Stage";
import { s } from "./strings";

interface Props {
  desk: DeskState;
  /** As chosen; "" and "none" as in the settings. */
  camera: string;
  microphone: string;
  onChoose: (kind: SourceKind) => void;
  onCamera: (id: string) => void;
  onMicrophone: (id: string) => void;
}

export function SourceBar({ desk, camera, microphone, onChoose, onCamera, onMicrophone }: Props) {
  const pickers = desk.kind === "camera" || desk.kind === "screen";
  return (
    <section class="st-source" aria-label={s("source")}>
      <div class="st-kinds" role="group" aria-label={s("source")}>
        {sources().map((kind) => (
          <button
            key={kind}
            type="button"
            data-source={kind}
            aria-pressed={desk.kind === kind}
            disabled={desk.opening !== null}
            onClick={() => onChoose(kind)}
          >
            {desk.opening === kind ? <i class="st-spinner small" /> : <Glyph name={SOURCE_ICON[kind]} size={19} />}
            {s(kind)}
          </button>
        ))}
      </div>
      {pickers && (
        <div class="st-pickers">
          {desk.kind === "camera" && desk.cameras.length > 0 && (
            <Choice label={s("camera")} value={desk.camera || camera} options={named(desk.cameras, s("camera"))} onChoose={onCamera} />
          )}
          <Choice
            label={s("microphone")}
            value={microphone === "none" ? "none" : desk.microphone}
            options={[...named(desk.microphones, s("microphone")), { value: "none", text: s("noMicrophone") }]}
            onChoose={onMicrophone}
          />
        </div>
      )}
    </section>
  );
}

function named(devices: MediaDeviceInfo[], kind: string): { value: string; text: string }[] {
  return devices.map((device, at) => ({ value: device.deviceId, text: device.label || s("device", { kind, n: at + 1 }) }));
}
