//! Line icons of the studio alone, as in ui/icons.

const paths = {
  camera: "M3.5 7h11.5v10H3.5zM15 10.5l5.5-3v9l-5.5-3",
  cameraOff: "M3.5 7h11.5v10H3.5zM15 10.5l5.5-3v9l-5.5-3M4 3.5l16 17",
  mic: "M12 3.5a2.7 2.7 0 0 1 2.7 2.7v5.1a2.7 2.7 0 0 1-5.4 0V6.2A2.7 2.7 0 0 1 12 3.5M6 11.5a6 6 0 0 0 12 0M12 17.5v3.5",
  micOff: "M12 3.5a2.7 2.7 0 0 1 2.7 2.7v5.1a2.7 2.7 0 0 1-5.4 0V6.2A2.7 2.7 0 0 1 12 3.5M6 11.5a6 6 0 0 0 12 0M12 17.5v3.5M4 3.5l16 17",
  screen: "M3.5 4.5h17v11.5h-17zM8.5 20h7M12 16v4",
  pattern: "M3.5 5h17v14h-17zM7.75 5v9M12 5v9M16.25 5v9M3.5 14h17",
  file: "M3.5 5h17v14h-17zM7.5 5v14M16.5 5v14M3.5 9.7h4M3.5 14.3h4M16.5 9.7h4M16.5 14.3h4",
  dice: "M5 5h14v14H5zM9 9v.01M15 9v.01M12 12v.01M9 15v.01M15 15v.01",
  signal: "M4 18v-3M9.3 18v-6.5M14.6 18V8M20 18V4.5",
  open: "M13.5 4.5h6v6M19.5 4.5l-8.5 8.5M17 14v5.5H4.5V7H10",
};

export type StudioIcon = keyof typeof paths;

export function Glyph({ name, size = 20 }: { name: StudioIcon; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
