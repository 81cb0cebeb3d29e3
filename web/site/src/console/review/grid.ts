//! How tiles stand.

/** Tiles in the first row, as they stand now. */
export function columns(grid: HTMLElement | null): number {
  const tiles = [...(grid?.children ?? [])] as HTMLElement[];
  const first = tiles[0]?.offsetTop;
  return Math.max(1, tiles.filter((tile) => tile.offsetTop === first).length);
}
