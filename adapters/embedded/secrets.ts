/**
 * Secrets: one encrypted file, never the database. The key lies beside it, readable by its owner alone, or comes from WINDHOVER_SECRET_KEY (then it is on no disk).
 * AES-256-GCM; the file is replaced as a whole, so a crash leaves the old one or the new one.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WindhoverError } from "../../engine/errors.ts";
import type { Secrets } from "../../engine/ports.ts";
import { openDatabase } from "./database.ts";
import { mapFailure } from "./failure.ts";

const ALGORITHM = "aes-256-gcm";
interface Sealed {
  readonly version: 1;
  readonly nonce: string;
  readonly tag: string;
  readonly data: string;
}

export class EmbeddedSecrets implements Secrets {
  readonly #directory: string;
  readonly #check: () => void;

  /** `check` throws when the backend is closed. */
  constructor(directory: string, check: () => void) {
    this.#directory = directory;
    this.#check = check;
  }

  async get(name: string): Promise<string | null> {
    return this.#open().get(name) ?? null;
  }

  async put(name: string, value: string | null): Promise<void> {
    this.#check();
    const lock = openDatabase(join(this.#directory, "secrets.lock"));
    try {
      // Two processes that change different secrets at once must both succeed.
      lock.exec("PRAGMA busy_timeout = 10000; BEGIN EXCLUSIVE");
      const secrets = this.#open();
      if (value === null) secrets.delete(name);
      else secrets.set(name, value);
      this.#seal(secrets);
    } catch (error) {
      throw mapFailure(error, this.#file, "written");
    } finally {
      lock.close();
    }
  }

  async list(): Promise<readonly string[]> {
    return [...this.#open().keys()].sort();
  }

  get #file(): string {
    return join(this.#directory, "secrets.enc");
  }

  #open(): Map<string, string> {
    this.#check();
    if (!existsSync(this.#file)) return new Map();
    try {
      const { nonce, tag, data } = JSON.parse(readFileSync(this.#file, "utf8")) as Sealed;
      const decipher = createDecipheriv(ALGORITHM, this.#key(), Buffer.from(nonce, "base64"));
      decipher.setAuthTag(Buffer.from(tag, "base64"));
      const plain = Buffer.concat([decipher.update(Buffer.from(data, "base64")), decipher.final()]);
      return new Map(Object.entries(JSON.parse(plain.toString("utf8")) as Record<string, string>));
    } catch (error) {
      if (error instanceof WindhoverError) throw error;
      throw new WindhoverError("WH3001", {
        message: `${this.#file} cannot be read with this key: the key is another one, or the file is damaged.`,
        expected: process.env["WINDHOVER_SECRET_KEY"]
          ? "the WINDHOVER_SECRET_KEY that it was written with"
          : `the key in ${this.#keyFile} that it was written with`,
        action: "Restore the key or the file from a copy. Nothing was changed.",
        cause: error,
      });
    }
  }

  #seal(secrets: ReadonlyMap<string, string>): void {
    const nonce = randomBytes(12);
    const cipher = createCipheriv(ALGORITHM, this.#key(), nonce);
    const data = Buffer.concat([cipher.update(JSON.stringify(Object.fromEntries(secrets)), "utf8"), cipher.final()]);
    const sealed: Sealed = { version: 1, nonce: nonce.toString("base64"), tag: cipher.getAuthTag().toString("base64"), data: data.toString("base64") };
    write(`${this.#file}.new`, JSON.stringify(sealed));
    renameSync(`${this.#file}.new`, this.#file);
    syncDirectory(this.#directory);
  }

  get #keyFile(): string {
    return join(this.#directory, "secrets.key");
  }

  #key(): Buffer {
    const given = process.env["WINDHOVER_SECRET_KEY"];
    if (given) return createHash("sha256").update(given).digest();
    if (!existsSync(this.#keyFile)) {
      if (existsSync(this.#file))
        throw new WindhoverError("WH3001", {
          message: `${this.#keyFile} is missing, and without it ${this.#file} cannot be read.`,
          action: "Restore the key from a copy, or set WINDHOVER_SECRET_KEY.",
        });
      // Linked into place: of two processes that make a key at once, one wins and both use its key.
      const made = `${this.#keyFile}.${randomBytes(6).toString("hex")}`;
      write(made, randomBytes(32).toString("base64"));
      try {
        linkSync(made, this.#keyFile);
      } catch (error) {
        if ((error as { code?: string }).code !== "EEXIST") throw error;
      } finally {
        rmSync(made, { force: true });
      }
      syncDirectory(this.#directory);
    }
    return Buffer.from(readFileSync(this.#keyFile, "utf8"), "base64");
  }
}

/** On disk when it returns, and for the owner's eyes only. */
function write(file: string, text: string): void {
  const handle = openSync(file, "w", 0o600);
  try {
    writeFileSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function syncDirectory(directory: string): void {
  // Windows cannot open a directory, and does not need to.
  if (process.platform === "win32") return;
  const handle = openSync(directory, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
