/** Whole numbers as options. */
import { InvalidArgumentError } from "commander";

/** A number from `lowest` to `highest`, in digits. */
export function wholeNumber(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const count = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (count >= lowest && count <= highest) return count;
    throw new InvalidArgumentError(`It is a whole number from ${lowest} to ${highest}.`);
  };
}

/** Records, rows: at least one. */
export const countOption = wholeNumber(1, 1_000_000_000);
/** Number of a partition. */
export const partitionOption = wholeNumber(0, 9999);
/** Port of a server of ours. */
export const portOption = wholeNumber(1, 65_535);
/** Partitions of a new bus. */
export const partitionsOption = wholeNumber(1, 9999);
