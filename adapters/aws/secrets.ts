/** Secrets: one of Secrets Manager each, below the stack's prefix. What was read is good for five minutes in this process. */
import { WindhoverError } from "../../engine/errors.ts";
import type { Secrets } from "../../engine/ports.ts";
import { failure, isNamed } from "./failure.ts";
import type { Parts } from "./parts.ts";

const FRESH_MS = 5 * 60_000;
/** What Secrets Manager takes. Unit: bytes. */
const LARGEST = 65_536;
/** Before a value that Secrets Manager would refuse (the empty one), or that begins like this itself. */
const MARK = "windhover:";
/** A secret that is being deleted cannot be made yet: it is tried again for about half a minute. */
const TRIES = 30;

const commands = () => import("./late/secrets.ts");

export function createSecrets({ stack, clients: { secrets }, clock }: Parts): Secrets {
  const known = new Map<string, { readonly value: string; readonly until: number }>();
  const idOf = (name: string): string => stack.secretsPrefix + escapeName(name);

  const remember = (name: string, value: string): void => {
    known.set(name, { value, until: clock.now() + FRESH_MS });
  };

  const write = async (name: string, value: string): Promise<void> => {
    const { CreateSecretCommand, PutSecretValueCommand } = await commands();
    const SecretString = value === "" || value.startsWith(MARK) ? MARK + value : value;
    for (let tries = 1; ; tries++) {
      try {
        await secrets.send(new PutSecretValueCommand({ SecretId: idOf(name), SecretString }));
        return;
      } catch (error) {
        if (!isNamed(error, "ResourceNotFoundException", "InvalidRequestException")) throw failure(error, `replacing the secret "${name}"`);
      }
      try {
        await secrets.send(new CreateSecretCommand({ Name: idOf(name), SecretString }));
        return;
      } catch (error) {
        // Somebody else has just made it, or it is still being deleted.
        const early = isNamed(error, "ResourceExistsException", "InvalidRequestException");
        if (!early || tries === TRIES) throw failure(error, `making the secret "${name}"`);
        await clock.wait(1000);
      }
    }
  };

  return {
    async get(name) {
      const found = known.get(name);
      if (found && found.until > clock.now()) return found.value;
      known.delete(name);
      const { GetSecretValueCommand } = await commands();
      try {
        const { SecretString = "" } = await secrets.send(new GetSecretValueCommand({ SecretId: idOf(name) }));
        const value = SecretString.startsWith(MARK) ? SecretString.slice(MARK.length) : SecretString;
        remember(name, value);
        return value;
      } catch (error) {
        // The second: it is being deleted.
        if (isNamed(error, "ResourceNotFoundException", "InvalidRequestException")) return null;
        throw failure(error, `reading the secret "${name}"`);
      }
    },
    async put(name, value) {
      known.delete(name);
      if (value === null) {
        try {
          await secrets.send(new (await commands()).DeleteSecretCommand({ SecretId: idOf(name), ForceDeleteWithoutRecovery: true }));
        } catch (error) {
          if (!isNamed(error, "ResourceNotFoundException")) throw failure(error, `deleting the secret "${name}"`);
        }
        return;
      }
      const bytes = Buffer.byteLength(value);
      if (bytes > LARGEST - MARK.length)
        throw new WindhoverError("WH1104", { message: `The secret "${name}" is too large.`, expected: "64 KB at most", got: `${bytes} bytes` });
      await write(name, value);
      remember(name, value);
    },
    async list() {
      const { ListSecretsCommand } = await commands();
      const names: string[] = [];
      let NextToken: string | undefined;
      do {
        const command = new ListSecretsCommand({ Filters: [{ Key: "name", Values: [stack.secretsPrefix] }], MaxResults: 100, NextToken });
        const page = await secrets.send(command).catch((error: unknown) => {
          throw failure(error, "listing the secrets");
        });
        for (const { Name = "", DeletedDate } of page.SecretList ?? [])
          if (Name.startsWith(stack.secretsPrefix) && DeletedDate === undefined) names.push(unescapeName(Name.slice(stack.secretsPrefix.length)));
        NextToken = page.NextToken;
      } while (NextToken !== undefined);
      return names.sort();
    },
  };
}

/** Secrets Manager takes letters, digits and `/_+=.@-` in a name: the rest, and `=` itself, is written as `=` and two hexadecimal digits for each byte. */
export function escapeName(name: string): string {
  return name.replace(/[^A-Za-z0-9/_+.@-]+/g, (odd) => [...Buffer.from(odd)].map((byte) => `=${byte.toString(16).padStart(2, "0")}`).join(""));
}

function unescapeName(name: string): string {
  return name.replace(/(?:=[0-9a-f]{2})+/g, (escaped) => Buffer.from(escaped.replaceAll("=", ""), "hex").toString());
}
