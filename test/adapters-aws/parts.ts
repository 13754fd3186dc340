/** The ports' parts over clients that are mocked by `aws-sdk-client-mock`, on virtual time. For the shape of requests; what they do is tested on an emulator. */
import { type AwsClients, createClients } from "../../adapters/aws/clients.ts";
import type { Parts } from "../../adapters/aws/parts.ts";
import { systemRandom } from "../../adapters/aws/system.ts";
import { stackNamed } from "../aws/resources.ts";
import { NOON } from "../contract/samples.ts";
import { VirtualClock } from "../embedded/virtual-clock.ts";

export interface TestParts extends Parts {
  readonly clock: VirtualClock;
}

export function partsOf(more: Partial<Omit<Parts, "clock">> = {}): TestParts {
  const clients: AwsClients = createClients({ region: "us-east-1" });
  return { stack: stackNamed("flows"), clients, clock: new VirtualClock(NOON), random: systemRandom, role: "executor", ...more };
}

/** An error as the SDK gives it. */
export const refusal = (name: string, more: object = {}): Error =>
  Object.assign(new Error(`It said ${name}.`), { name, $metadata: { requestId: "r-1" }, ...more });
