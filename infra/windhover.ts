/**
 * The construct: everything that flows need in an account. At synthesis it loads the entry, finds every exported flow and deployment, and makes their schedules, rules, routes and
 * grants. Read it beside the table of parts in the documentation: a method for each row.
 */
import { createHash } from "node:crypto";
import { ArnFormat, CfnOutput, CustomResource, Duration, RemovalPolicy, Stack } from "aws-cdk-lib";
import type { HttpApi } from "aws-cdk-lib/aws-apigatewayv2";
import { Connections, type IConnectable } from "aws-cdk-lib/aws-ec2";
import type { CfnTaskDefinition } from "aws-cdk-lib/aws-ecs";
import { Rule, Schedule } from "aws-cdk-lib/aws-events";
import { LambdaFunction as LambdaTarget } from "aws-cdk-lib/aws-events-targets";
import { type IGrantable, type IPrincipal, Role } from "aws-cdk-lib/aws-iam";
import type { EventSourceMapping, Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { LogGroup } from "aws-cdk-lib/aws-logs";
import type { Bucket } from "aws-cdk-lib/aws-s3";
import type { ITopic } from "aws-cdk-lib/aws-sns";
import { Queue } from "aws-cdk-lib/aws-sqs";
import { Construct, type IConstruct } from "constructs";
import { eventSource } from "../adapters/aws/events.ts";
import { type PoolResource, STACK_OUTPUT, STACK_VARIABLE, type StackResources } from "../adapters/aws/stack.ts";
import { type Access, allow } from "./access.ts";
import { makeAlarms, type Watched } from "./alarms.ts";
import { callApi, makeApi, makeRoutes } from "./api.ts";
import { type BundleOptions, bundleProgram, type Program } from "./bundle.ts";
import {
  type Containers,
  type ContainerTask,
  describeContainer,
  familyOf,
  makeContainers,
  makeTask,
  placeOf,
  readCode,
  startContainers,
  stopContainers,
} from "./containers.ts";
import { makeDashboard } from "./dashboard.ts";
import type { Description } from "./describe.ts";
import { checkEnvironment } from "./environment.ts";
import { type FunctionOptions, type FunctionParts, feed, handOn, makeFunction } from "./functions.ts";
import { readWithKey, shareKey, useKey } from "./keys.ts";
import { makeLogGroup, readLogs, writeLogs } from "./logs.ts";
import { describeEntries, entryFiles } from "./manifest.ts";
import { networkOf } from "./network.ts";
import { letAlarmsPublish, makeTopic, notifyOfFailures } from "./notifications.ts";
import { makePolicies, type Policies } from "./policies.ts";
import { type ContainerPool, checkTasks, type LambdaPool, type Pool, poolsOf, timeoutOf, visibilityOf } from "./pools.ts";
import { checkProps, environmentOf, nameOf, retentionOf, type WindhoverProps } from "./properties.ts";
import { consume, countMessages, DRAIN_SECONDS, describeQueue, drainDeadLetters, makeMailbox, makeTaskQueue, type QueuePair, sendTo } from "./queues.ts";
import { makeScheduleGroup, makeSchedules, type Schedules, setTimers } from "./schedules.ts";
import { loadBlocks, prefixOf, writeBlocks } from "./secrets.ts";
import { emptyBucket, keepBuilds, keepForeign, makeBucket, readBuilds, readResults, useResults } from "./storage.ts";
import { listingTables, makeTables, orderTables, readTables, settingTables, type Tables, tagTables, taskTables, turnTables } from "./tables.ts";
import { makeRules, queuesOf, webhooksOf } from "./triggers.ts";
import { UserCode } from "./user-code.ts";

export type { ApiOptions } from "./api.ts";
export type { NotificationOptions } from "./notifications.ts";
export type { Policies } from "./policies.ts";
export type { WindhoverProps } from "./properties.ts";

/** A turn may take as long as a function may run: it runs inline tasks. Unit: seconds. */
const TURN_SECONDS = 900;
/** A queue's own visibility, by default, is as long: an event source mapping wants no longer function. Unit: seconds. */
const INTAKE_SECONDS = 30;
const EVENT_BUS = "default";

/**
 * Flows, deployed. Grants go to the flows' and tasks' code: `bucket.grantRead(windhover)`.
 *
 * @throws WindhoverError at synthesis: WH2009 when the entry cannot be loaded or exports no flow · WH2030 when it cannot be bundled · WH2031, WH2033 for pools · WH2032 for a schedule
 * that EventBridge Scheduler cannot keep · WH2034 for a trigger · WH2035 for a property
 * @example
 * const app = new App();
 * const stack = new Stack(app, "Flows");
 * new Windhover(stack, "Windhover", { entry: "./flows/index.ts", pools: { large: { memoryMb: 4096 } } });
 */
export class Windhover extends Construct implements IGrantable, IConnectable {
  /** Flows and tasks, wherever they run. */
  readonly grantPrincipal: IPrincipal;
  /** Their security groups: `database.connections.allowDefaultPortFrom(windhover)`. Without `vpc` only containers have one. */
  readonly connections: Connections;
  /** Policies for people, to attach to their roles. */
  readonly policies: Policies;
  /** Logs of runs, settings and caches. */
  readonly tables: Tables;
  /** Results. */
  readonly bucket: Bucket;
  readonly orchestrator: LambdaFunction;
  /** By pool: the functions that run tasks. */
  readonly executors: ReadonlyMap<string, LambdaFunction>;
  readonly logGroup: LogGroup;
  readonly api: HttpApi | undefined;
  /** Where failed runs are told. */
  readonly topic: ITopic | undefined;

  readonly #props: WindhoverProps;
  readonly #bundles: BundleOptions;
  readonly #description: Description;
  readonly #pools: readonly Pool[];
  readonly #mailbox: QueuePair;
  readonly #queues: ReadonlyMap<string, QueuePair>;
  readonly #schedules: Schedules;
  readonly #containers: Containers | undefined;
  readonly #parts: FunctionParts;

  constructor(scope: Construct, id: string, props: WindhoverProps) {
    super(scope, id);
    checkProps(this, props, (construct) => construct instanceof Windhover);
    const { encryptionKey, removalPolicy = RemovalPolicy.RETAIN, layers = [], tracing } = props;
    this.#props = props;
    this.#bundles = { entries: entryFiles(props.entry), external: props.external, sourceMaps: props.sourceMaps };
    this.#description = describeEntries(this.#bundles);
    this.#pools = poolsOf(props.pools);
    checkTasks(this.#description, this.#pools);

    this.tables = makeTables(this, { removalPolicy, encryptionKey });
    this.bucket = makeBucket(this, { removalPolicy, encryptionKey });
    tagTables(this.tables, Stack.of(this).stackName, this.bucket);
    this.#mailbox = makeMailbox(this, TURN_SECONDS, encryptionKey);
    this.#queues = new Map(this.#pools.map((pool) => [pool.name, makeTaskQueue(this, `Pool-${pool.name}`, visibilityOf(pool), encryptionKey)]));
    this.#schedules = makeScheduleGroup(this, Stack.of(this).stackName, this.#mailbox, this.#queue("default"));
    const keptMs = Math.max(...Object.values(retentionOf(props.retention)));
    this.logGroup = makeLogGroup(this, { stackName: Stack.of(this).stackName, keptMs, removalPolicy, encryptionKey });
    const webhooks = webhooksOf(this.#description.deployments);
    this.api = props.api || webhooks.length > 0 ? makeApi(this, Stack.of(this).stackName) : undefined;
    const network = networkOf(this, props);
    const hasContainers = this.#pools.some(({ kind }) => kind === "container");
    this.#containers = hasContainers ? makeContainers(this, bundleProgram("container", this.#bundles), network) : undefined;
    this.connections = new Connections({ securityGroups: [...((network ?? this.#containers?.network)?.securityGroups ?? [])] });

    const resources = Stack.of(this).toJsonString(this.#describe());
    new CfnOutput(this, "Description", { value: resources, description: "What the stack consists of, for whoever works with it" }).overrideLogicalId(
      STACK_OUTPUT,
    );
    const environment = { ...environmentOf(props), [STACK_VARIABLE]: resources };
    this.#parts = { build: this.#build(), environment, logGroup: this.logGroup, layers, encryptionKey, network, tracing };
    checkEnvironment(this, this.#parts.environment);

    const tasks = this.#makeTasks();
    this.orchestrator = this.#makeOrchestrator(tasks);
    this.executors = this.#makeExecutors();
    const { deadLetters, drain } = this.#makeDeadLetters(tasks);
    const feeds = [...this.#makeFeeds(), ...this.#makeIntake()];
    this.#makeApi(webhooks);
    this.#makeDeployed(removalPolicy, [...feeds, drain, ...tasks.map(({ definition }) => definition.node.defaultChild as CfnTaskDefinition)]);
    makeSchedules(this, this.#schedules, this.#mailbox, this.#description.deployments, Date.now());
    makeRules(this, Stack.of(this).stackName, this.#mailbox, this.#description.deployments);

    this.policies = this.#makePolicies();
    this.topic = props.notifications ? makeTopic(this, props.notifications, encryptionKey) : undefined;
    if (this.topic) notifyOfFailures(this, Stack.of(this).stackName, this.tables, this.topic);
    this.#makeEyes({ mailbox: this.#mailbox, pools: [...this.#queues.values()], functions: [this.orchestrator, ...this.executors.values(), deadLetters] });

    const roles = [this.orchestrator, ...this.executors.values()].map(({ role }) => role as Role);
    this.grantPrincipal = new UserCode([...roles, ...tasks.map(({ role }) => role)]);
    shareKey(
      this,
      encryptionKey,
      this.node.findAll().filter((one) => one instanceof Role),
    );
  }

  /** The only description of the stack: what each function gets, and what the output says. */
  #describe(): StackResources {
    const { stackName, region, account } = Stack.of(this);
    const needsApi = this.api !== undefined;
    return {
      format: 1,
      stack: stackName,
      region,
      account,
      stateTable: this.tables.state.tableName,
      runsTable: this.tables.runs.tableName,
      bucket: this.bucket.bucketName,
      mailbox: describeQueue(this.#mailbox),
      pools: Object.fromEntries(this.#pools.map((pool) => [pool.name, this.#describePool(pool)])),
      scheduleGroup: this.#schedules.groupName,
      scheduleRoleArn: this.#schedules.role.roleArn,
      logGroup: this.logGroup.logGroupName,
      eventBus: EVENT_BUS,
      secretsPrefix: prefixOf(stackName),
      functions: {
        orchestrator: nameOf(this, "orchestrator"),
        executor: nameOf(this, "executor"),
        deadLetters: nameOf(this, "dead-letters"),
        ...(needsApi && { api: nameOf(this, "api") }),
      },
      ...(this.api && { apiUrl: this.api.apiEndpoint }),
      orchestratorMemoryMb: this.#pools[0]?.memoryMb,
      ...(this.#props.metrics && { metrics: true }),
      retention: retentionOf(this.#props.retention),
    };
  }

  #describePool(pool: Pool): PoolResource {
    const queue = describeQueue(this.#queue(pool.name));
    const timeoutSeconds = timeoutOf(pool);
    const { memoryMb } = pool;
    if (pool.kind !== "container" || !this.#containers) return { ...queue, timeoutSeconds, memoryMb };
    return { ...queue, timeoutSeconds, memoryMb, container: describeContainer(this.#containers, this.#family(pool), pool) };
  }

  #queue(pool: string): QueuePair {
    return this.#queues.get(pool) as QueuePair;
  }
  #family({ name }: ContainerPool): string {
    return familyOf(Stack.of(this).stackName, name);
  }

  /** Runs stay on the build that they began on: all functions that run users' code have the same. */
  #build(): string {
    const programs: Program[] = ["orchestrator", "executor", ...(this.#containers ? (["container"] as const) : [])];
    const hash = createHash("sha256");
    for (const program of programs) hash.update(bundleProgram(program, this.#bundles).hash);
    return hash.digest("hex").slice(0, 16);
  }

  #function(id: string, program: Program, options: Omit<FunctionOptions, "bundle">, access: readonly Access[]): LambdaFunction {
    const made = makeFunction(this, id, this.#parts, { ...options, bundle: bundleProgram(program, this.#bundles) });
    allow(made, ...access);
    return made;
  }

  /** What flows and tasks do by themselves: load blocks, emit events. */
  #codeAccess(): Access[] {
    const { partition, region, account, stackName } = Stack.of(this);
    const bus = `arn:${partition}:events:${region}:${account}:event-bus/${EVENT_BUS}`;
    return [
      ...loadBlocks(this),
      { actions: ["events:PutEvents"], on: [bus], when: { "ForAllValues:StringEquals": { "events:source": eventSource(stackName) } } },
    ];
  }
  /** What a turn's effects do. */
  #turnAccess(tasks: readonly ContainerTask[]): Access[] {
    const starting = this.#containers ? startContainers(this, this.#containers, tasks) : [];
    return [
      ...turnTables(this.tables),
      ...useResults(this.bucket),
      ...keepForeign(this.bucket),
      ...sendTo(this.#mailbox, ...this.#queues.values()),
      ...setTimers(this, this.#schedules),
      ...starting,
    ];
  }
  #taskAccess(pool: Pool): Access[] {
    // Timers lie in the default pool's queue; what came beside others and has to run alone is sent to its own once more.
    const to = new Set([this.#queue("default"), this.#queue(pool.name)]);
    const queues = [...consume(this.#queue(pool.name)), ...sendTo(this.#mailbox, ...to)];
    return [...taskTables(this.tables), ...useResults(this.bucket), ...keepForeign(this.bucket), ...queues, ...this.#codeAccess()];
  }

  #makeOrchestrator(tasks: readonly ContainerTask[]): LambdaFunction {
    const { memoryMb } = this.#pools[0] as LambdaPool;
    const options = {
      name: nameOf(this, "orchestrator"),
      description: "Takes the turns of runs, deployments and limits",
      memoryMb,
      timeoutSeconds: TURN_SECONDS,
    };
    const made = this.#function("Orchestrator", "orchestrator", options, [...this.#turnAccess(tasks), ...consume(this.#mailbox), ...this.#codeAccess()]);
    handOn(made, this.#arnOf("orchestrator"));
    return made;
  }

  #makeExecutors(): ReadonlyMap<string, LambdaFunction> {
    const pools = this.#pools.filter((pool) => pool.kind === "lambda");
    return new Map(
      pools.map((pool) => {
        const part = pool.name === "default" ? "executor" : `pool-${pool.name}`;
        const { memoryMb, timeoutSeconds } = pool;
        const options = { name: nameOf(this, part), description: `Runs tasks of the pool ${pool.name}`, memoryMb, timeoutSeconds };
        const made = this.#function(pool.name === "default" ? "Executor" : `Executor-${pool.name}`, "executor", options, this.#taskAccess(pool));
        for (const arn of new Set([this.#arnOf("executor"), this.#arnOf(part)])) handOn(made, arn);
        return [pool.name, made];
      }),
    );
  }

  #makeTasks(): readonly ContainerTask[] {
    const containers = this.#containers;
    if (!containers) return [];
    return this.#pools
      .filter((pool) => pool.kind === "container")
      .map((pool) => {
        const task = makeTask(this, this.#parts, containers, this.#family(pool), pool);
        allow(task.role, ...this.#taskAccess(pool), ...readBuilds(this.bucket));
        return task;
      });
  }

  /** On a schedule: a poller that waits for what hardly ever comes would cost money. */
  #makeDeadLetters(tasks: readonly ContainerTask[]): { readonly deadLetters: LambdaFunction; readonly drain: Rule } {
    const pools = [...this.#queues.values()];
    const options = { name: nameOf(this, "dead-letters"), description: "Drains the dead-letter queues", memoryMb: 256, timeoutSeconds: DRAIN_SECONDS };
    const access = [...this.#turnAccess(tasks), ...drainDeadLetters(this.#mailbox, ...pools), ...countMessages(...pools)];
    const deadLetters = this.#function("DeadLetters", "deadLetters", options, access);
    const targets = [new LambdaTarget(deadLetters, { retryAttempts: 0 })];
    return { deadLetters, drain: new Rule(this, "DeadLettersRule", { schedule: Schedule.rate(Duration.minutes(5)), targets }) };
  }

  #makeFeeds(): EventSourceMapping[] {
    const executors = this.#pools.flatMap((pool) => {
      const executor = this.executors.get(pool.name);
      return executor ? [feed(this, `Feed-${pool.name}`, executor, this.#queue(pool.name).queue, pool.concurrency)] : [];
    });
    return [feed(this, "FeedMailbox", this.orchestrator, this.#mailbox.queue), ...executors];
  }

  /** Users' own queues keep a message hidden for half a minute, unless they say otherwise: a function of their own takes it to the mailbox. */
  #makeIntake(): EventSourceMapping[] {
    const arns = queuesOf(this.#description.deployments);
    if (arns.length === 0) return [];
    const options = { name: nameOf(this, "intake"), description: "Takes messages of queues to deployments", memoryMb: 512, timeoutSeconds: INTAKE_SECONDS };
    const intake = this.#function("Intake", "orchestrator", options, [...sendTo(this.#mailbox), ...useResults(this.bucket)]);
    return arns.map((arn, i) => {
      const queue = Queue.fromQueueArn(this, `IntakeQueue${i}`, arn);
      queue.grantConsumeMessages(intake);
      return feed(this, `FeedIntake${i}`, intake, queue);
    });
  }

  #clientAccess(): Access[] {
    const sending = [...sendTo(this.#mailbox, this.#queue("default")), ...setTimers(this, this.#schedules)];
    return [...readTables(this.tables), ...orderTables(this.tables), ...useResults(this.bucket), ...sending, ...readLogs(this.logGroup)];
  }

  #makeApi(webhooks: readonly string[]): void {
    if (!this.api) return;
    const options = { name: nameOf(this, "api"), description: "The HTTP API and webhooks", memoryMb: 512, timeoutSeconds: INTAKE_SECONDS };
    const made = this.#function("ApiFunction", "api", options, [...this.#clientAccess(), ...settingTables(this.tables)]);
    makeRoutes(this, this.api, made, this.#props.api ?? false, webhooks);
  }

  /**
   * After each deploy the containers' code is kept, and deployments hear what the code says; at the stack's end, what nobody wants to keep is deleted. Only in between messages flow
   * and do new containers start, which may come upon runs of the build before. All functions have their new version by then: the first feed that is moved brings tasks of the new build
   * to executors whose feeds are still at the old one, and they hand those on.
   */
  #makeDeployed(removalPolicy: RemovalPolicy, between: readonly IConstruct[]): void {
    const destroy = removalPolicy === RemovalPolicy.DESTROY;
    const options = { name: nameOf(this, "deployed"), description: "Tells deployments what the code says", memoryMb: 512, timeoutSeconds: TURN_SECONDS };
    const containers = this.#containers;
    const ending = [...(containers ? stopContainers(this, containers) : []), ...(destroy ? [...emptyBucket(this.bucket), ...writeBlocks(this)] : [])];
    const code = containers?.code;
    const versions: Access = { actions: ["lambda:ListVersionsByFunction"], on: [this.#arnOf("orchestrator")] };
    const keeping = code ? [...keepBuilds(this.bucket), readCode(code), versions] : [];
    const access = [...readTables(this.tables), ...listingTables(this.tables), ...sendTo(this.#mailbox), ...useResults(this.bucket), ...keeping, ...ending];
    const made = this.#function("Deployed", "deployed", options, access);
    // What the code says also follows from the environment: with another one, deployments hear it again.
    const said = Stack.of(this).resolve([this.#description.deployments.map(({ name, revision }) => [name, revision]), environmentOf(this.#props)]) as unknown;
    const says = createHash("sha256").update(JSON.stringify(said)).digest("hex").slice(0, 16);
    const emptied = [...(containers ? ["containers"] : []), ...(destroy ? ["bucket", "secrets"] : [])];
    const properties = { Build: this.#parts.build, Says: says, ...(code && { Code: placeOf(code) }), Empty: emptied };
    // The function answers before its time is over. One that cannot even begin is told of an hour later, if nobody says otherwise.
    const serviceTimeout = Duration.seconds(TURN_SECONDS + 60);
    const resource = new CustomResource(this, "Deployment", { serviceToken: made.functionArn, resourceType: "Custom::Windhover", serviceTimeout, properties });
    if (containers) resource.node.addDependency(containers.cluster);
    for (const { currentVersion } of [this.orchestrator, ...this.executors.values()]) resource.node.addDependency(currentVersion);
    for (const each of between) each.node.addDependency(resource);
  }

  #makePolicies(): Policies {
    const looking = [
      ...readTables(this.tables),
      ...readResults(this.bucket),
      ...readLogs(this.logGroup),
      ...countMessages(this.#mailbox, ...this.#queues.values()),
    ];
    const acting = [...this.#clientAccess(), ...writeLogs(this.logGroup), ...countMessages(this.#mailbox, ...this.#queues.values())];
    const changing = [...settingTables(this.tables), ...writeBlocks(this), { actions: ["lambda:ListVersionsByFunction"], on: [this.#arnOf("orchestrator")] }];
    const calling = (methods: readonly string[]): Access[] => (this.api && this.#props.api === true ? callApi(this, this.api, methods) : []);
    const { encryptionKey: key } = this.#props;
    return makePolicies(this, {
      viewer: [...looking, ...readWithKey(key), ...calling(["GET"])],
      operator: [...acting, ...useKey(key), ...calling(["*"])],
      admin: [...acting, ...changing, ...useKey(key), ...calling(["*"])],
    });
  }

  #makeEyes(watched: Watched): void {
    const { alarms, dashboard, notifications } = this.#props;
    if (alarms) makeAlarms(this, watched, this.topic);
    if (alarms && notifications && this.topic) letAlarmsPublish(this.topic, notifications);
    if (dashboard) makeDashboard(this, watched, this.tables, this.logGroup);
  }

  #arnOf(part: string): string {
    return Stack.of(this).formatArn({ service: "lambda", resource: "function", resourceName: nameOf(this, part), arnFormat: ArnFormat.COLON_RESOURCE_NAME });
  }
}
