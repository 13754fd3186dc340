/**
 * What MiniStack does otherwise than AWS, and what tests do about it. Nothing in the product knows of this file.
 */
import { DeleteBucketPolicyCommand } from "@aws-sdk/client-s3";
import type { App } from "aws-cdk-lib";
import { createClients } from "../../adapters/aws/clients.ts";
import { ACCOUNT, type MiniStack, REGION } from "./ministack.ts";

/** The bootstrap bucket demands TLS, and MiniStack speaks plain HTTP on loopback. */
export async function afterBootstrap({ endpoint }: MiniStack): Promise<void> {
  const clients = createClients({ endpoint, region: REGION });
  await clients.s3.send(new DeleteBucketPolicyCommand({ Bucket: `cdk-hnb659fds-assets-${ACCOUNT}-${REGION}` }));
  clients.close();
}

/** Changes to what is synthesized. None is needed at present. */
export function beforeDeploy(_app: App): void {}
