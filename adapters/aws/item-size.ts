/**
 * How large DynamoDB takes an item to be: names and values in UTF-8, numbers by their digits, binary as it is, three bytes and one an element for lists and maps
 * (docs.aws.amazon.com, "DynamoDB item sizes and formats"). Units are rounded up from these.
 */
import type { AttributeValue } from "@aws-sdk/client-dynamodb";

export type Item = Readonly<Record<string, AttributeValue>>;

/** Unit: bytes. */
export function itemSize(item: Item): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(item)) bytes += Buffer.byteLength(name) + valueSize(value);
  return bytes;
}

export function valueSize(value: AttributeValue): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S);
  if (value.N !== undefined) return numberSize(value.N);
  if (value.B !== undefined) return value.B.length;
  if (value.SS !== undefined) return value.SS.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (value.NS !== undefined) return value.NS.reduce((sum, number) => sum + numberSize(number), 0);
  if (value.BS !== undefined) return value.BS.reduce((sum, binary) => sum + binary.length, 0);
  if (value.L !== undefined) return 3 + value.L.reduce((sum, element) => sum + 1 + valueSize(element), 0);
  if (value.M !== undefined) return 3 + Object.entries(value.M).reduce((sum, [name, element]) => sum + 1 + Buffer.byteLength(name) + valueSize(element), 0);
  return 1; // NULL and BOOL.
}

/** One byte for two significant digits, one more, and one for a sign. */
function numberSize(text: string): number {
  const [mantissa = ""] = text.replace(/^[-+]/, "").split(/e/i);
  const digits = mantissa.replace(".", "").replace(/^0+/, "").replace(/0+$/, "");
  return Math.ceil(digits.length / 2) + 1 + (text.startsWith("-") ? 1 : 0);
}

const WRITE_UNIT = 1024;
const READ_UNIT = 4096;

/** An empty item costs a unit too. */
export const writeUnits = (bytes: number): number => Math.max(1, Math.ceil(bytes / WRITE_UNIT));
export const readUnits = (bytes: number, consistent: boolean): number => Math.max(1, Math.ceil(bytes / READ_UNIT)) * (consistent ? 1 : 0.5);
