/** A message that was received by hand, as an event source mapping hands it to a function. */
import type { Message } from "@aws-sdk/client-sqs";
import type { SQSRecord } from "aws-lambda";

export const recordOf = (arn: string, { MessageId = "", ReceiptHandle = "", Body = "", Attributes = {} }: Message): SQSRecord => ({
  messageId: MessageId,
  receiptHandle: ReceiptHandle,
  body: Body,
  attributes: Attributes as unknown as SQSRecord["attributes"],
  messageAttributes: {},
  md5OfBody: "",
  eventSource: "aws:sqs",
  eventSourceARN: arn,
  awsRegion: "us-east-1",
});
