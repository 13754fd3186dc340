/** What flows and tests have to agree on. */
import { ACCOUNT, REGION } from "../../ministack.ts";

export const INCOMING_BUCKET = "windhover-incoming";
export const ORDERS_QUEUE = "windhover-orders";
export const ordersArn = `arn:aws:sqs:${REGION}:${ACCOUNT}:${ORDERS_QUEUE}`;
