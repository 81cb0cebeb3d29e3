//! Line icons, 24 × 24, drawn for this site; they take the colour of the text.

const paths = {
  share: "M10 13.5a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10.5a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1-1",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 14.7a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4",
  clock: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16M12 7.5V12l3 2",
  copy: "M8.5 8.5h11v11h-11zM15.5 8.5v-4h-11v11h4",
  check: "M5 12.5l4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6L6 18",
  back: "M14.5 5.5L8 12l6.5 6.5",
  people: "M9 11.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4M3 19c0-3 2.7-5 6-5s6 2 6 5M15.5 5.3a3.2 3.2 0 0 1 0 6M17 14.2c2.4.5 4 2.2 4 4.8",
  sliders: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.8v4.4M9 14.8v4.4",
  flying: "M3.5 5h17v14h-17zM7 9.5h7M10 14h7",
  pin: "M9 4h6l-.7 6 3 3.5H6.7l3-3.5zM12 13.5V20",
  more: "M6 12v.01M12 12v.01M18 12v.01",
  heart: "M12 19.5S4 14.7 4 9.3A4.3 4.3 0 0 1 12 7a4.3 4.3 0 0 1 8 2.3c0 5.4-8 10.2-8 10.2z",
  gift: "M4 10.5h16v9H4zM3 7h18v3.5H3zM12 7v12.5M12 7S10.5 3.5 8.5 3.5 6.5 7 12 7M12 7s1.5-3.5 3.5-3.5S17.5 7 12 7",
  reply: "M9.5 5.5L4 11l5.5 5.5M4 11h9c4 0 7 2.5 7 7.5",
  alert: "M12 4l9 15.5H3zM12 10v4.5M12 17v.01",
};

export type IconName = keyof typeof paths;

export function Icon({ name, size = 24 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}

/** The mark: two streamlines going over a weir. */
export function Mark({ size = 30 }: { size?: number }) {
  return (
    <svg class="mark" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M5 9.5h7.5c6 0 4.5 12 9 12 2.2 0 2.2-2 4.5-2" />
      <path d="M5 15h5c4.2 0 3.2 11.5 7.5 11.5 2.4 0 2.4-2 4.8-2s2.4 2 4.7 2" opacity=".62" />
    </svg>
  );
}
