/** Where this package lies, and which version it is: run from the sources or from `dist`. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const above = dirname(dirname(fileURLToPath(import.meta.url)));
/** The folder with package.json. */
export const ROOT = existsSync(join(above, "package.json")) ? above : dirname(above);
export const VERSION = (JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { readonly version: string }).version;
