/** The mailbox's records as deliveries: what came from outside becomes messages here, and a deployment that nobody has told hears first what the code says of it. */
import type { SQSRecord } from "aws-lambda";
import { type MailLetter, readMail, tickMessage } from "../adapters/aws/letters.ts";
import { type Queue, queueOf } from "../adapters/aws/queue.ts";
import type { DeploymentState } from "../engine/deployment.ts";
import { WindhoverError } from "../engine/errors.ts";
import { LIMITS } from "../engine/limits.ts";
import { type Delivery, type DeploymentMessage, type Message, parseActor } from "../engine/messages.ts";
import type { DeploymentDefinition } from "../sdk/deployment.ts";
import { openEvent } from "./bus-event.ts";
import { keepForeign } from "./foreign.ts";
import type { FunctionHost } from "./host.ts";
import { errorFields, note } from "./note.ts";
import { eventMessage, problemMessage } from "./triggers.ts";

export interface MailItem {
  readonly actor: string;
  readonly physical: string;
  readonly receipt: string;
  readonly receives: number;
  /** Unit: milliseconds since 1970. */
  readonly sentAt: number;
  readonly letter: MailLetter;
}
type UnreadItem = Pick<MailItem, "physical" | "receipt" | "receives">;

export class Mail {
  readonly #fn: FunctionHost;
  readonly #queue: Queue;
  /** Deployments of which this process knows that they have heard what the code says. */
  readonly #configured = new Set<string>();

  constructor(fn: FunctionHost) {
    const { clients, ports, stack } = fn;
    this.#fn = fn;
    this.#queue = queueOf({ clients, clock: ports.clock, random: ports.random }, stack.mailbox.url);
  }

  /** `unread`: what could not be read now (the bucket does not answer), with all else of its message groups. What is not ours is kept in the bucket and deleted. */
  async open(records: readonly SQSRecord[]): Promise<{ readonly items: readonly MailItem[]; readonly unread: readonly UnreadItem[] }> {
    const read = await Promise.all(records.map((record) => this.#read(record)));
    const groupOf = (record: SQSRecord): string => record.attributes.MessageGroupId ?? record.messageId;
    const blocked = new Set(records.filter((_, i) => read[i] === "unread").map(groupOf));
    const isBlocked = (record: SQSRecord): boolean => blocked.has(groupOf(record));
    const items = records.flatMap((record, i) => {
      const letter = read[i];
      return letter === undefined || letter === "foreign" || letter === "unread" || isBlocked(record)
        ? []
        : [{ ...parts(record), actor: letter.actor, letter }];
    });
    return { items, unread: records.filter((record, i) => isBlocked(record) && read[i] !== "foreign").map(parts) };
  }

  async #read(record: SQSRecord): Promise<MailLetter | "foreign" | "unread"> {
    const { ports, stack } = this.#fn;
    const { messageId, body, receiptHandle } = record;
    const { sentAt } = parts(record);
    try {
      return await readMail(ports.results, body, sentAt);
    } catch (error) {
      try {
        if (!(error instanceof WindhoverError) || error.code !== "WH3110") throw error;
        await keepForeign(this.#fn, { queue: stack.mailbox.url, messageId, body, sentAt }, error);
        await this.#queue.remove(receiptHandle);
        return "foreign";
      } catch (failure) {
        note("ERROR", "a message could not be read", { messageId, ...errorFields(failure) });
        return "unread";
      }
    }
  }

  /** `explicit`: each is deleted as the turn ends. A delivery without a receipt is deleted by the event source mapping. */
  async deliveries(actor: string, items: readonly MailItem[], explicit: boolean): Promise<readonly Delivery[]> {
    const deliveries: Delivery[] = [];
    const configure = await this.#configure(actor);
    const [first] = items;
    // It shares the first one's physical id: delivered again, both are recognised together.
    if (configure && first) deliveries.push({ actor, physical: first.physical, receives: first.receives, message: configure });
    for (const item of items) {
      const { physical, receives } = item;
      const delivery = { actor, physical, receives, ...(explicit && { receipt: item.receipt }) };
      const message = await this.#message(item);
      if (message) deliveries.push({ ...delivery, message });
      else if (explicit) await this.#queue.remove(item.receipt);
    }
    return deliveries;
  }

  async #message({ actor, letter, sentAt, receives }: MailItem): Promise<Message | null> {
    if (letter.kind === "message") return letter.message;
    const { ports, stack } = this.#fn;
    const { name } = parseActor(actor);
    const deployment = this.#fn.deployments.get(name);
    if (letter.kind === "tick") return tickMessage(letter, deployment?.settings.schedules[letter.schedule]);
    const event = await openEvent(letter.event, stack.stack, sentAt, ports.results);
    // The author's function has not come to an end so often that it may be what the process died of.
    if (deployment && receives <= LIMITS.receives) return eventMessage(deployment, letter.trigger, event, ports.results);
    const why = deployment ? `its event was received ${receives} times without a turn that ended` : "it is not in the code that is deployed";
    const problem = new WindhoverError("WH2014", { message: `"${name}" cannot be started by its event: ${why}.`, got: `${event.raw.source} ${event.id}` });
    return problemMessage(name, { id: `event/${event.id}`, at: event.at, payload: event.raw }, problem, ports.results);
  }

  /** What the code says, to a deployment that no deploy has told yet (its first tick has overtaken it): it hears it before anything else. */
  async #configure(actor: string): Promise<Message | null> {
    const { kind, name } = parseActor(actor);
    const deployment = kind === "deployment" ? this.#fn.deployments.get(name) : undefined;
    if (!deployment || this.#configured.has(name)) return null;
    const state = (await this.#fn.ports.log.tail(actor))?.state as DeploymentState | undefined;
    // After that only deploys say it. This process may be of the code before.
    if (!state?.deployed && state?.revision !== deployment.revision) return configureMessage(deployment);
    this.#configured.add(name);
    return null;
  }
}

export function configureMessage({ name, revision, settings }: DeploymentDefinition): Extract<DeploymentMessage, { readonly kind: "configure" }> {
  return { kind: "configure", id: `configure:${name}:${revision}`, revision, settings };
}

function parts({ messageId, receiptHandle, attributes }: SQSRecord): UnreadItem & { readonly sentAt: number } {
  return { physical: messageId, receipt: receiptHandle, receives: Number(attributes.ApproximateReceiveCount), sentAt: Number(attributes.SentTimestamp) };
}
