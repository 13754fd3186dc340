/** Mailboxes: a queue for each actor, of which one batch at a time is in somebody's hand. */
import { type Delivery, type DeploymentSettings, type Message, parseActor, runActor } from "../../engine/messages.ts";
import type { Inbox, Mailbox, StartsWanted, WaitingStart } from "../../engine/ports.ts";
import { Listeners } from "./signals.ts";

/** One sending. */
interface Letter {
  readonly physical: string;
  /** The message as JSON. */
  readonly text: string;
  receives: number;
  /** Names the receive, so that one who was taken for dead takes nothing from its successor. */
  receipt: string;
}

interface Box {
  waiting: Letter[];
  /** In the order of sending. Those in `released` are on their way back, and wait for the rest of their batch. */
  inHand: Letter[];
  released: Set<Letter>;
  holder: number;
}

export interface MailState {
  readonly boxes: Map<string, Box>;
  /** Actors that have mail and are in nobody's hand, the one that has waited longest first. */
  readonly ready: Set<string>;
  readonly listeners: Listeners;
  sent: number;
  received: number;
}

export const emptyMail = (): MailState => ({ boxes: new Map(), ready: new Set(), listeners: new Listeners(), sent: 0, received: 0 });

/** Puts a message into an actor's mailbox, as `send` and timers do. */
export function post(mail: MailState, actor: string, text: string): void {
  let box = mail.boxes.get(actor);
  if (box === undefined) {
    box = { waiting: [], inHand: [], released: new Set(), holder: 0 };
    mail.boxes.set(actor, box);
  }
  mail.sent += 1;
  box.waiting.push({ physical: `mail-${mail.sent}`, text, receives: 0, receipt: "" });
  if (box.inHand.length === 0) makeReady(mail, actor);
}

/** Gives back what is in hand: what the process `holder` has, or, without one, what anybody has. It counts as received. */
export function returnMail(mail: MailState, holder?: number): void {
  for (const [actor, box] of mail.boxes) {
    if (box.inHand.length === 0 || (holder !== undefined && box.holder !== holder)) continue;
    for (const letter of box.inHand) box.released.add(letter);
    finish(mail, actor, box);
  }
}

function makeReady(mail: MailState, actor: string): void {
  if (mail.ready.has(actor)) return;
  mail.ready.add(actor);
  mail.listeners.raise();
}

/** When all of a batch is acknowledged or released, its actor is free again: what was released comes before what was sent later. */
function finish(mail: MailState, actor: string, box: Box): void {
  if (box.inHand.length > box.released.size) return;
  if (box.released.size > 0) box.waiting.unshift(...box.inHand);
  box.inHand = [];
  box.released.clear();
  if (box.waiting.length > 0) makeReady(mail, actor);
  else mail.boxes.delete(actor);
}

/** Does something to each of the deliveries that are still in the hand of whoever received them. */
function settle(mail: MailState, deliveries: readonly Delivery[], act: (box: Box, letter: Letter, place: number) => void): void {
  const touched = new Map<string, Box>();
  for (const { actor, physical, receipt } of deliveries) {
    const box = mail.boxes.get(actor);
    if (box === undefined) continue;
    const place = box.inHand.findIndex((letter) => letter.physical === physical && letter.receipt === receipt);
    if (place < 0) continue;
    act(box, box.inHand[place] as Letter, place);
    touched.set(actor, box);
  }
  for (const [actor, box] of touched) finish(mail, actor, box);
}

/** `known`: the run has a row. */
export function memoryMailbox(mail: MailState, known: (run: string) => boolean): Mailbox {
  return {
    starts: async (wanted) =>
      waitingStarts(mail, wanted).filter(({ actor, message }) => !known(message.kind === "start" ? parseActor(actor).name : message.run)),
    send: async (actor, message) => post(mail, actor, JSON.stringify(message)),
    acknowledge: async (deliveries) =>
      settle(mail, deliveries, (box, letter, place) => {
        box.inHand.splice(place, 1);
        box.released.delete(letter);
      }),
  };
}

function waitingStarts({ boxes }: MailState, { run, until = Number.POSITIVE_INFINITY }: StartsWanted): readonly WaitingStart[] {
  const found: WaitingStart[] = [];
  for (const [actor, { inHand, waiting }] of boxes) {
    let settings: DeploymentSettings | undefined;
    for (const letter of [...inHand, ...waiting]) {
      const message = JSON.parse(letter.text) as Message;
      if (message.kind === "configure" && "settings" in message) settings = message.settings;
      if (message.kind === "start" && message.createdAt <= until && (run === undefined || actor === runActor(run))) found.push({ actor, message });
      if (message.kind === "trigger" && message.createdAt <= until && (run === undefined || message.run === run))
        found.push({ actor, message, ...(settings && { settings }) });
    }
  }
  return found;
}

export function memoryInbox(mail: MailState, holder: number): Inbox {
  return {
    async receive(most) {
      const [actor] = mail.ready;
      const box = actor === undefined ? undefined : mail.boxes.get(actor);
      if (actor === undefined || box === undefined || most < 1) return [];
      mail.ready.delete(actor);
      box.inHand = box.waiting.splice(0, most);
      box.holder = holder;
      return box.inHand.map((letter) => {
        letter.receives += 1;
        letter.receipt = `receive-${++mail.received}`;
        return { actor, physical: letter.physical, message: JSON.parse(letter.text) as Message, receives: letter.receives, receipt: letter.receipt };
      });
    },
    release: async (deliveries) => settle(mail, deliveries, (box, letter) => box.released.add(letter)),
  };
}
