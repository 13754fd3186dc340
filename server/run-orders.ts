/** What one can tell a run: stop, wait, go on, take this answer, begin again. */
import * as z from "zod";
import type { PortsClient } from "../sdk/ports-client.ts";
import type { PortsRun } from "../sdk/ports-run.ts";
import { given } from "./json.ts";
import { Refusal } from "./problems.ts";
import type { Routes } from "./routes.ts";
import { Parameters, RunId, Started, started } from "./run-view.ts";

const Why = z.strictObject({ why: z.string().max(1000).optional() });
const Rerun = z.strictObject({
  from: z.string().optional().describe("The call from which on to run again; without it, from the start"),
  parameters: Parameters.optional(),
  result: z.unknown().optional().describe("Take this as the result of `from`"),
});
const Input = z.strictObject({ name: z.string().min(1), value: z.unknown() });

export function addOrders(routes: Routes, client: PortsClient): void {
  const order = (verb: "pause" | "resume", summary: string): void =>
    routes.add(
      { method: "post", path: `/api/runs/{id}/${verb}`, summary, params: RunId, status: 202, answer: Started, failures: [404, 409] },
      async ({ params }) => {
        const run = client.get(params.id);
        await run[verb]();
        return started(params.id, await run.state());
      },
    );
  routes.add(
    {
      method: "post",
      path: "/api/runs/{id}/cancel",
      summary: "Let it stop, clean up, and end as cancelled",
      params: RunId,
      body: Why,
      status: 202,
      answer: Started,
      failures: [404, 409],
    },
    async ({ params, body }) => {
      const run = client.get(params.id) as PortsRun<unknown>;
      await run.cancel(body.why);
      return started(params.id, await run.state());
    },
  );
  order("pause", "Start nothing new until it is resumed");
  order("resume", "Go on after a pause");
  routes.add(
    {
      method: "post",
      path: "/api/runs/{id}/migrate",
      summary: "Go on with the newest build of its code, if that matches its log",
      params: RunId,
      status: 202,
      answer: Started,
      failures: [404, 409],
    },
    async ({ params }) => {
      const run = client.get(params.id) as PortsRun<unknown>;
      await run.migrate();
      return started(params.id, await run.state());
    },
  );
  routes.add(
    {
      method: "post",
      path: "/api/runs/{id}/input",
      summary: "Answer a run that waits for an input",
      params: RunId,
      body: Input,
      status: 202,
      answer: Started,
      failures: [404, 409, 422],
    },
    async ({ params, body, context }) => {
      const run = client.get(params.id) as PortsRun<unknown>;
      await run.input(body.name, given(body.value, context));
      return started(params.id, await run.state());
    },
  );
  addAgain(routes, client);
}

/** As a new run, linked to the old one. */
function addAgain(routes: Routes, client: PortsClient): void {
  routes.add(
    {
      method: "post",
      path: "/api/runs/{id}/retry",
      summary: "Again as a new run that takes over what completed",
      params: RunId,
      status: 201,
      answer: Started,
      failures: [404, 409],
    },
    async ({ params }) => {
      const run = await client.get(params.id).retry();
      return started(run.id, await run.state());
    },
  );
  routes.add(
    {
      method: "post",
      path: "/api/runs/{id}/redrive",
      summary: "Again, where it crashed because a message of it could not be handled",
      params: RunId,
      status: 201,
      answer: Started,
      failures: [404, 409],
    },
    async ({ params }) => {
      const run = await (client.get(params.id) as PortsRun<unknown>).redrive();
      return started(run.id, await run.state());
    },
  );
  routes.add(
    {
      method: "post",
      path: "/api/runs/{id}/rerun",
      summary: "Again as a new run, from the start or from one call on",
      params: RunId,
      body: Rerun,
      status: 201,
      answer: Started,
      failures: [404, 409],
    },
    async ({ params, body, context }) => {
      const { from } = body;
      const parameters = given(body.parameters, context);
      if (from === undefined && "result" in body)
        throw new Refusal(400, "WH2017", { message: "`result` needs `from`: it is the result of that call.", expected: "{ from, result }", got: "{ result }" });
      const run = client.get(params.id) as PortsRun<unknown>;
      const again =
        from === undefined
          ? await run.rerun(parameters)
          : await run.rerunFrom(from, { ...(parameters !== undefined && { parameters }), ...("result" in body && { result: given(body.result, context) }) });
      return started(again.id, await again.state());
    },
  );
}
