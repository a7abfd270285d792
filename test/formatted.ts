/** The files that have one form, written by `npm run format` and asked for by `npm run check`. */
export const FORMATTED: readonly string[] = ["**/*.{ts,mjs}", "*.json"];
