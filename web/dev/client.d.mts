/** The text of `packages/api/src/schema.ts` for a document. */
export function render(document: unknown): string;
