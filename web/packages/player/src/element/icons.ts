//! Line icons, 24 × 24, drawn for this player; they take the colour of the text.

export const ICONS = {
  play: "M8 5.5v13l10.5-6.5z",
  pause: "M7.5 6h2.5v12H7.5zM14 6h2.5v12H14z",
  volume: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11",
  muted: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5",
  fullscreen: "M4 9V4.5h5M20 9V4.5h-5M4 15v4.5h5M20 15v4.5h-5",
  shrink: "M9 4.5V9H4M15 4.5V9h5M9 19.5V15H4M15 19.5V15h5",
  pip: "M3.5 5.5h17v13h-17zM12 12h6v4h-6z",
  stats: "M4 19.5h16M6.5 16v-4M12 16V6M17.5 16v-7",
  quality: "M4 7.5h9M17 7.5h3M15 5.5v4M4 16.5h3M11 16.5h9M9 14.5v4",
  clock: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16M12 7.5V12l3 2",
  replay: "M5.5 8.5A8 8 0 1 1 4 13M5 4v4.5h4.5",
  captions: "M3.5 6h17v12h-17zM10.5 10.5a2 2 0 1 0 0 3M17 10.5a2 2 0 1 0 0 3",
  check: "M5 12.5l4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6L6 18",
  alert: "M12 4l9 15.5H3zM12 10v4.5M12 17v.01",
};

export type IconName = keyof typeof ICONS;
