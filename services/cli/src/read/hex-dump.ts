/** Bytes that anyone may have written, for a terminal: hex beside what is printable in ASCII. Pure. */

const ROW = 16;
const PRINTABLE = /[ -~]/;

const hex = (byte: number): string => byte.toString(16).padStart(2, "0");

/** Rows of 16 bytes; at most `limit` bytes, and what is left out is said. */
export function hexDump(bytes: Uint8Array, limit: number): string {
  if (bytes.length === 0) return "no bytes";
  const shown = bytes.subarray(0, limit);
  const rows = Array.from({ length: Math.ceil(shown.length / ROW) }, (_, index) => {
    const row = [...shown.subarray(index * ROW, (index + 1) * ROW)];
    const text = row.map((byte) => String.fromCharCode(byte)).map((one) => (PRINTABLE.test(one) ? one : "."));
    const place = (index * ROW).toString(16).padStart(8, "0");
    return `${place}  ${row
      .map(hex)
      .join(" ")
      .padEnd(ROW * 3 - 1)}  ${text.join("")}`;
  });
  const rest = bytes.length - shown.length;
  return rest === 0 ? rows.join("\n") : `${rows.join("\n")}\n… and ${rest} more bytes`;
}

/** The bytes as text where they are UTF-8; null where they are not. */
export function utf8Of(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
