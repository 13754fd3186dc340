/** The HTTP API: the server's routes behind IAM or a JWT, and the webhooks' routes, which check their own secrets. Made only when something asks for it. */
import { Stack } from "aws-cdk-lib";
import { HttpApi, HttpMethod, HttpNoneAuthorizer, HttpRoute, HttpRouteKey, type IHttpRouteAuthorizer } from "aws-cdk-lib/aws-apigatewayv2";
import { HttpIamAuthorizer, HttpJwtAuthorizer } from "aws-cdk-lib/aws-apigatewayv2-authorizers";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import type { Access } from "./access.ts";

/** `true`: requests are signed with AWS credentials, and `execute-api:Invoke` decides. Or whoever the issuer gave a token for one of the audiences. */
export type ApiOptions = boolean | { readonly jwt: { readonly issuer: string; readonly audience: readonly string[] } };

export function makeApi(scope: Construct, name: string): HttpApi {
  return new HttpApi(scope, "Api", { apiName: name, description: "Windhover: the API and webhooks" });
}

/** A route for the server, if the API is wanted, and one for each webhook. */
export function makeRoutes(scope: Construct, httpApi: HttpApi, fn: LambdaFunction, options: ApiOptions, webhooks: readonly string[]): void {
  // One permission for all routes: with one for each, a function's policy (20 KB) is full at some fifty webhooks.
  const integration = new HttpLambdaIntegration("ApiIntegration", fn, { scopePermissionToRoute: false });
  if (options !== false) new HttpRoute(scope, "ApiRoute", { httpApi, integration, routeKey: HttpRouteKey.DEFAULT, authorizer: authorizerOf(options) });
  webhooks.forEach((path) => {
    const routeKey = HttpRouteKey.with(`/hooks/${path}`, HttpMethod.ANY);
    new HttpRoute(scope, `Webhook ${path.replaceAll("/", " ")}`, { httpApi, integration, routeKey, authorizer: new HttpNoneAuthorizer() });
  });
}

function authorizerOf(options: Exclude<ApiOptions, false>): IHttpRouteAuthorizer {
  if (options === true) return new HttpIamAuthorizer();
  const { issuer, audience } = options.jwt;
  return new HttpJwtAuthorizer("ApiJwt", issuer, { jwtAudience: [...audience] });
}

/** Who may call it, where IAM decides: to look, or everything. */
export function callApi(scope: Construct, { apiId }: HttpApi, methods: readonly string[]): Access[] {
  const { partition, region, account } = Stack.of(scope);
  return [{ actions: ["execute-api:Invoke"], on: methods.map((method) => `arn:${partition}:execute-api:${region}:${account}:${apiId}/$default/${method}/*`) }];
}
