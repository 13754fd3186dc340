/**
 * DynamoDB Local, AWS's own emulator of it: a second opinion beside MiniStack's. It is a Java program from Maven's repository, fetched once, by version, into
 * `node_modules/.cache`. Where Java or Maven is missing its tests are skipped: there is no other place to have it from in a pinned version.
 */
import { execFile, execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { exclusively, isAlive } from "./lock.ts";
import { freePort, SERVERS } from "./ministack.ts";
import { CACHE } from "./python.ts";

const VERSION = "2.6.1";
/** What has to be on the PATH. */
const PROGRAMS = { java: "java", maven: "mvn" };
const MAIN = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner";
const HOME = join(CACHE, `dynamodb-local-${VERSION}`);
const COPY = ["org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies", "-DincludeTypes=jar,so,dylib,dll", "-DoutputDirectory=lib"];
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>windhover</groupId>
  <artifactId>dynamodb-local</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>com.amazonaws</groupId><artifactId>DynamoDBLocal</artifactId><version>${VERSION}</version></dependency>
  </dependencies>
</project>
`;

const run = promisify(execFile);

/** Why DynamoDB Local cannot run here, or undefined. */
export function missingJava(): string | undefined {
  const programs: readonly (readonly [string, string])[] = [
    [PROGRAMS.java, "-version"],
    ...(existsSync(join(HOME, ".ready")) ? [] : [[PROGRAMS.maven, "--version"] as const]),
  ];
  for (const [program, argument] of programs) {
    try {
      execFileSync(program, [argument], { stdio: "ignore" });
    } catch {
      return `DynamoDB Local needs Java 17 and, to be fetched, Maven: there is no \`${program}\` on the PATH`;
    }
  }
  return undefined;
}

/** Its address. The first test that asks starts it, the test run's end stops it. */
export async function dynamodbLocal(): Promise<string> {
  mkdirSync(SERVERS, { recursive: true });
  return exclusively(join(SERVERS, "dynamodb-local.lock"), async () => running() ?? (await start()));
}

const FILE = join(SERVERS, "dynamodb-local.json");

function running(): string | undefined {
  try {
    const { pid, endpoint } = JSON.parse(readFileSync(FILE, "utf8")) as { readonly pid: number; readonly endpoint: string };
    return isAlive(pid) ? endpoint : undefined;
  } catch {
    return undefined;
  }
}

async function fetched(): Promise<void> {
  const ready = join(HOME, ".ready");
  if (existsSync(ready)) return;
  await exclusively(`${HOME}.lock`, async () => {
    if (existsSync(ready)) return;
    rmSync(HOME, { recursive: true, force: true });
    mkdirSync(HOME, { recursive: true });
    writeFileSync(join(HOME, "pom.xml"), POM);
    await run(PROGRAMS.maven, ["-q", "-B", ...COPY], { cwd: HOME, maxBuffer: 1 << 26 });
    writeFileSync(ready, "");
  });
}

async function start(): Promise<string> {
  await fetched();
  const port = await freePort();
  const log = join(SERVERS, "dynamodb-local.log");
  const out = openSync(log, "w");
  const options = ["-Djava.library.path=lib", "-cp", join("lib", "*"), MAIN, "-inMemory", "-sharedDb", "-disableTelemetry", "-port", String(port)];
  const child = spawn(PROGRAMS.java, options, { cwd: HOME, detached: true, stdio: ["ignore", out, out] });
  child.unref();
  closeSync(out);
  const endpoint = `http://127.0.0.1:${port}`;
  const pid = child.pid as number;
  // It answers a request without a signature with an error: that is an answer.
  while (
    !(await fetch(endpoint).then(
      () => true,
      () => false,
    ))
  ) {
    if (!isAlive(pid)) throw new Error(`DynamoDB Local did not start:\n${readFileSync(log, "utf8")}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  writeFileSync(FILE, JSON.stringify({ pid, endpoint }));
  return endpoint;
}
