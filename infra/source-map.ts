/** Maps from bundled code to its sources, which name those as their author knows them: the same on every machine, and without anybody's folders. */
import { existsSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";

export interface BundledFile {
  readonly path: string;
  readonly contents: Uint8Array;
}

/**
 * The user's files count from `project`, those of packages from their `node_modules`, our own from the package. `sources` of a map count from its own place.
 * @example sourceName("/shop/flows/index.ts", "/shop", "/shop/node_modules/windhover") // "flows/index.ts"
 */
export function sourceName(file: string, project: string, root: string): string {
  // The few lines that import the user's entries.
  if (basename(file).startsWith("(")) return `windhover/${basename(file)}`;
  const parts = file.split(sep);
  const within = parts.lastIndexOf("node_modules");
  if (within >= 0) return parts.slice(within).join("/");
  const own = relative(root, file);
  if (!own.startsWith("..") && !isAbsolute(own) && isOurs(own)) return `windhover/${own.split(sep).join("/")}`;
  return relative(project, file).split(sep).join("/");
}
const isOurs = (path: string): boolean => /^(dist|engine|sdk|adapters|functions|server)[\\/]/.test(path);

/** The folder that an entry's project is in: the nearest that has a package.json, or the entry's own. */
export function projectOf(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, "package.json"))) return at;
    if (dirname(at) === at) return folder;
  }
}

/** Sources of a map, by their names. */
export function named({ path, contents }: BundledFile, project: string, root: string): BundledFile {
  const map = JSON.parse(Buffer.from(contents).toString("utf8")) as { sources: string[] };
  const sources = map.sources.map((source) => sourceName(resolve(dirname(path), source), project, root));
  return { path, contents: Buffer.from(JSON.stringify({ ...map, sources })) };
}

/** A container fetches one file: its map is in it. */
export function inlined(files: readonly BundledFile[]): readonly BundledFile[] {
  const maps = new Map(files.filter(({ path }) => path.endsWith(".map")).map((map) => [basename(map.path, ".map"), map]));
  return files
    .filter(({ path }) => !path.endsWith(".map"))
    .map((file) => {
      const map = maps.get(basename(file.path));
      if (!map) return file;
      const address = `data:application/json;base64,${Buffer.from(map.contents).toString("base64")}`;
      return { path: file.path, contents: Buffer.concat([Buffer.from(file.contents), Buffer.from(`\n//# sourceMappingURL=${address}\n`)]) };
    });
}
