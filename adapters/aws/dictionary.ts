/**
 * What entries and rows have in common, for the compressor to point at: without it a step of a chain would not fit the kilobyte that one write costs. It is part of format 1
 * of `entry-format.ts` and never changes: a better one is a new format. The nearer its end a text stands, the fewer bits it takes to point at, so what is frequent comes last.
 */
const PIECES: readonly string[] = [
  // ---- errors, as the codec writes them
  '"error":"{\\"$\\":[\\"Error\\",{\\"class\\":\\"WindhoverError\\",\\"message\\":\\"WH1',
  '\\",\\"props\\":[[\\"code\\",\\"WH1\\"],[\\"expected\\",\\"\\"],[\\"got\\",\\"\\"],[\\"action\\",\\"\\"],[\\"docs\\",\\"docs/errors/WH1.md\\"]]}]}"',
  '"error":"{\\"$\\":[\\"Error\\",{\\"class\\":\\"TypeError\\",\\"message\\":\\"\\",\\"stack\\":\\"Error: \\\\n    at async \\\\n    at new Promise (<anonymous>)\\\\n    at Object.',
  "\\\\n    at file:///var/task/index.mjs:\\\\n    at AsyncLocalStorage.run (node:async_hooks:346:14)\\\\n    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)",
  '\\"}]}"},"class\\":\\"RangeError\\",\\"cause\\":{\\"$\\":[\\"Date\\",[\\"Map\\",[\\"Set\\",[\\"BigInt\\",[\\"undefined\\"]',
  // ---- deployments
  '{"actor":"deployment:"events":[{"type":"configured","revision":"{"type":"queued","run":"{"type":"skipped","run":"","why":"{"type":"triggered","event":"{"type":"paused","request":"{"type":"resumed","request":"',
  '"concurrency":{"limit":1,"overlap":"queue"}},"overlap":"cancel-running","overlap":"skip","kind":"rrule","expression":"kind":"at","at":"kind":"cron","expression":"0 2 * * *","timezone":"America/Europe/',
  '"events":[{"type":"woken"},{"type":"fired","schedule":0,"nominal":17,"run":"","missed":true},{"type":"launched","run":"}],"effects":[{"do":"startTimer","run":"","at":17,"message":',
  '{"do":"timer","id":"asks@2","at":17},{"do":"timer","id":"schedule@2","at":17},{"do":"deploymentIndex","row":{"name":"","seq":2,"flow":"","paused":false,"schedules":[{"text":"","timezone":"UTC","active":true,"next":17}],',
  '"tags":[],"description":"","version":"","lastRun":"","updatedAt":17}}],"state":{"kind":"deployment","revision":"","settings":{"flow":"","schedules":[{"kind":"interval","everyMs":3600000,"anchorMs":0,"active":true,"catchUp":"latest"}],',
  '"parameters":"{}","tags":[],"paused":false},"paused":false,"last":{"every hour":17},"timer":"schedule@2","timerAt":17,"active":[{"run":"","start":{"kind":"start","id":"start:","queue":[],"lastRun":"","asks":"asks@2","over":[""]}}',
  // ---- limits
  '{"actor":"limit:","events":[{"type":"configured","limit":1,"perSeconds":60},{"type":"released","request":"","fence":2}],"effects":[{"do":"untimer","id":"lease:"}],',
  '"events":[{"type":"waiting","request":"#1@"},{"type":"granted","request":"#1@","fence":2}],"effects":[{"do":"timer","id":"lease:#1@:2","at":17},{"do":"send","to":"run:","message":{"kind":"grant","id":"grant:#1@:2","request":"#1@","fence":2,"limit":""}}],',
  '"state":{"kind":"limit","holders":[{"request":"#1@","holder":"run:","fence":2,"occupy":1,"since":17}],"waiters":[],"limit":1}}',
  // ---- rows of the index that stand alone
  '{"id":"","run":"","call":"","key":"","kind":"table","kind":"progress","kind":"markdown","data":"","at":17}',
  '{"id":"","seq":1,"name":"","flow":"","deployment":"","parent":"","origin":"","continuedAs":"","version":"","scheduledTime":17,"state":{"type":"FAILED","name":"Failed","message":"","timestamp":17},"tags":[],"createdAt":17,"startedAt":17,"endedAt":17}',
  // ---- maps and fan-outs
  '"kind":"map","name":"","args":{"ref":"","chars":},"items":1000,"chunk":10,"mapConcurrency":,"toleratedFailures":,"follows":[""],"map":{"total":1000,"chunk":5,"next":1000,"done":0,"failed":0,"pieces":200,"open":[{"id":0,"from":0,"to":5},{"id":',
  '"failed":[{"index":0,"error":"","attempts":1}],"again":[{"type":"items","call":"","piece":{"id":0,"from":0,"to":5},"value":"[1,2,3]","ran":[17,17]},{"type":"attempted","call":"","attempt":1,"piece":{"id":1,"from":5,"to":10}},{"do":"task","call":"","attempt":1,"piece":{"id":1,"from":5,"to":10}},',
  '{"type":"called","call":"","kind":"task","name":"","args":"[0]"},{"type":"attempted","call":"","attempt":1},{"do":"task","call":"","attempt":1,"pool":"","alone":true},',
  // ---- what runs do beside their tasks
  '"kind":"artifact","name":"artifact ","detail":"{\\"key\\":\\"\\",\\"kind\\":\\"markdown\\",\\"data\\":\\"\\"}"},{"do":"artifact","row":{"do":"emit","id":"","type":"","detail":"kind":"emit"',
  '{"type":"input","request":"","name":"","value":"","wait":"{"type":"rejected","request":"{"type":"cancelling","request":"","why":"","timedOut":true,"{"type":"paused","request":"{"type":"resumed","request":"{"type":"continued","run":"',
  '{"type":"granted","call":"","request":"#1@","fence":2,"limit":""},"kind":"acquire","name":"concurrency ","limit":{"name":"","occupy":1,"rate":true,"slots":1}},"kind":"release","name":"release ","request":"{"do":"send","to":"limit:","message":{"kind":"release","id":"release:',
  '{"do":"send","to":"limit:","message":{"kind":"acquire","id":"acquire:#1@","request":"#1@","holder":"run:","occupy":1}},"limits":[{"name":""}],"wants":[{"name":""}],"request":"#1@","waits":"slot","since":17,"holds":["#1@"],"held":{"#1@":{"limit":"","fence":2,"block":true}}',
  '{"type":"failed","call":"","attempt":1,"error":"","retryAt":17,"crashed":true,"ran":[17,17]},{"type":"woken","call":"","timer":"@2"}],"waits":"retry","failures":1,"crashes":1,"suspect":1,"timer":"@2","retries":3,"crashRetries":3,"timeoutSeconds":60,"pool":"","tags":[""],',
  '{"type":"retrying","attempt":2,"at":17,"error":"{"type":"rerun","attempt":2},"label":"Reused"},"label":"Cached"},"label":"TimedOut"},"label":"Cancelled"},"label":"Crashed","overrides":{"role":"hook","hooks":{"onFailure":1},"do":"abort","calls":"all"}',
  '"reason":{"code":"limit","message":"It waits for the limit \\"","since":17,"blockedBy":["limit:"]}},"reason":{"code":"retry","message":"It is tried again.","reason":{"code":"input","message":"It waits for the input \\"\\".","since":17,"until":17,"blockedBy":["input -0"]}},',
  '"kind":"input","name":"input ","input":"","until":17,"kind":"pause","kind":"sleep","name":"sleep","until":17}],"effects":[{"do":"timer","id":"sleep-0@2","at":17},"row":{"type":"PAUSED","name":"Suspended","timestamp":17,"reason":{"code":"sleep","message":"It sleeps.","since":17,"until":17,"blockedBy":["sleep-0"]}},',
  '{"type":"called","call":"","kind":"flow","name":"","args":"{}","child":""}],"effects":[{"do":"timer","id":"timeout@1","at":17},{"do":"send","to":"run:","message":{"kind":"start","id":"start::run:","flow":"","name":"","parameters":"{}","tags":[],"starter":{"actor":"run:","call":""},"createdAt":17,"depth":1}},',
  '"timeoutTimer":"timeout@1","timeoutAt":17,"starter":{"actor":"deployment:"},"scheduledTime":17,"deployment":"","heldAbove":[""],"inputs":[],"seen":["","paused":true,"cancel":{"request":"","why":"","calls":0},"slow":true,"version":"","build":"","origin":{"run":"","from":""',
  '{"do":"send","to":"run:","message":{"kind":"ended","id":"ended::COMPLETED","run":"","call":"","state":"COMPLETED","value":""}},',
  // ---- the first entry of a run, its last, and a step between them
  '{"actor":"run:","n":1,"at":17,"nonce":".0","version":1,"physical":["","-4"],"events":[{"type":"started","flow":"","name":"","parameters":"{\\"","seed":"","flags":[],"tags":[""]},',
  '{"type":"settled","call":"","ok":false,"error":""},{"type":"returned","ok":false,"error":""},{"type":"ended","state":"FAILED","name":"Failed","error":"","row":{"type":"FAILED","name":"Failed","timestamp":17},"row":{"type":"CANCELLED","name":"Cancelled","timestamp":17}',
  '{"type":"settled","call":"","ok":true,"value":"","ran":[17,17]},{"type":"returned","ok":true,"value":""},{"type":"ended","state":"COMPLETED","name":"Completed","value":""}],"effects":[',
  '{"do":"index","row":{"id":"","seq":1,"name":"","flow":"","state":{"type":"COMPLETED","name":"Completed","timestamp":17},"tags":[],"createdAt":17,"startedAt":17,"endedAt":17}}],"state":{"kind":"run","flow":"","name":"",',
  '"row":{"type":"COMPLETED","name":"Completed","timestamp":17},"createdAt":17,"attempt":1,"calls":100,"open":{},"startedAt":17,"tags":[""],"result":""}}',
  '{"actor":"run:","n":2,"at":17,"nonce":".1","version":1,"physical":["-4"],"events":[{"type":"settled","call":"-0","ok":true,"value":"","ran":[17,17]},{"type":"called","call":"-1","kind":"task","name":"","retries":3,"args":"[1]"},',
  '{"type":"attempted","call":"-1","attempt":1,"where":"inline"}],"effects":[{"do":"inline","call":"-1","attempt":1}],"state":{"kind":"run","flow":"","name":"","row":{"type":"RUNNING","name":"Running","timestamp":17},"createdAt":17,',
  '"attempt":1,"calls":2,"open":{"-1":{"name":"","retries":3,"attempt":1,"awaited":1}},"startedAt":17,"tags":[""]}}',
];

export const DICTIONARY: Buffer = Buffer.from(PIECES.join(""), "utf8");
