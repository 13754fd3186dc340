/** What every page of the server has: its head, its looks, its foot. Plain HTML: no script runs here, and nothing is fetched. */
import { html, raw } from "hono/html";

export type Html = ReturnType<typeof html>;

/** No script runs on these pages, whatever a flow has logged. */
export const HEADERS = {
  "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Cache-Control": "no-store",
};

export interface Frame {
  readonly title: string;
  readonly body: Html;
  readonly version: string;
  /** The same as JSON. */
  readonly json: readonly (readonly [label: string, path: string])[];
  /** The page loads itself again. Unit: seconds. */
  readonly refresh?: number;
}

export function frame({ title, body, version, json, refresh }: Frame): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refresh === undefined ? "" : html`<meta http-equiv="refresh" content="${refresh}">`}
<title>${title} · Windhover</title>
<link rel="icon" href="${MARK}">
<style>${raw(STYLE)}</style>
</head>
<body>
<header><a href="/">${raw(BIRD)} Windhover</a></header>
<main>${body}</main>
<footer><p>As JSON: ${json.map(([label, path], i) => html`${i > 0 ? " · " : ""}<a href="${path}">${label}</a>`)} · <a href="/api/openapi.json">the API</a></p>
<p>Windhover ${version}. Plain pages to look at; what is done to a run is done by the <code>windhover</code> command or the API.${refresh === undefined ? "" : ` This page loads itself again every ${refresh} seconds.`}</p></footer>
</body>
</html>`;
}

const WINGS =
  "M15 10.6C11.4 6.2 6.4 3.6.4 3.2c2.8 3 4.6 5.8 6.2 8.6 2.2 3.9 4.7 6.1 8.4 6.6zM17 10.6C20.6 6.2 25.6 3.6 31.6 3.2c-2.8 3-4.6 5.8-6.2 8.6-2.2 3.9-4.7 6.1-8.4 6.6z";
const BODY =
  "M16 6.4a3.2 3.2 0 0 1 3.2 3.2c0 4.2-.4 7.8-1.3 11.2l1.9 4.4c-2.5.9-5.1.9-7.6 0l1.9-4.4c-.9-3.4-1.3-7-1.3-11.2A3.2 3.2 0 0 1 16 6.4zM11.8 26.5c2.8 1 5.6 1 8.4 0l.9 2.1c-3.4 1.2-6.8 1.2-10.2 0z";
const bird = (wings: string, body: string, more = ""): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"${more}><path fill="${wings}" d="${WINGS}"/><path fill="${body}" d="${BODY}"/></svg>`;
const BIRD = bird("var(--wing)", "var(--head)", ' width="22" height="22" aria-hidden="true"');
const MARK = `data:image/svg+xml,${encodeURIComponent(bird("#b0532a", "#4a6076"))}`;

/** Colour is for state; everything else is ink on paper. On a narrow screen a row of a list becomes two lines. */
const STYLE = `
:root { color-scheme: light dark; --sheet: light-dark(#fff, #11151a); --sunken: light-dark(#f7f8fa, #0d1115); --line: light-dark(#e4e7ec, #232a32); --strong: light-dark(#cdd3db, #36404b);
  --ink: light-dark(#12161b, #e8ecf1); --ink-2: light-dark(#454e59, #b0b9c4); --ink-3: light-dark(#5f6975, #8e99a6); --wing: light-dark(#b0532a, #dd8455); --head: light-dark(#4a6076, #9db3c8);
  --completed: light-dark(#0d6547, #66cfa6); --running: light-dark(#1559bd, #8abaff); --failed: light-dark(#b01b2e, #ff929a); --crashed: light-dark(#7c2190, #e3a0ed);
  --cancelled: light-dark(#525d69, #a6b1bd); --cancelling: var(--cancelled); --scheduled: light-dark(#524ab0, #b7b1fa); --pending: light-dark(#43607a, #a5bdd3); --paused: light-dark(#7d5500, #eec46c); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem 1.5rem 2rem; background: var(--sheet); color: var(--ink); font: .875rem/1.45 -apple-system, "Segoe UI", Inter, Roboto, Cantarell, "Noto Sans", system-ui, sans-serif; }
header a { display: inline-flex; align-items: center; gap: .5rem; font-weight: 600; text-decoration: none; }
h1 { font-size: 1.375rem; line-height: 1.25; margin: 1.75rem 0 .5rem; overflow-wrap: anywhere; } h1 small { font-size: .9375rem; font-weight: 400; color: var(--ink-2); }
h2 { font-size: .9375rem; margin: 2rem 0 .5rem; } h3 { font-size: .8125rem; margin: 1rem 0 .25rem; color: var(--ink-2); overflow-wrap: anywhere; }
p { margin: .25rem 0 .75rem; max-width: 60rem; overflow-wrap: anywhere; } a { color: inherit; text-underline-offset: 2px; text-decoration-color: var(--strong); } a:hover { text-decoration-color: currentColor; }
.dim, time, th, footer { color: var(--ink-3); } time { white-space: nowrap; } .lead { color: var(--ink-2); }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .5rem 1rem .5rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; } th { font-weight: 500; font-size: .75rem; border-color: var(--strong); }
th.number, td.number { text-align: right; padding-right: 0; white-space: nowrap; } .number + td, .number + th { padding-left: 1rem; } .data { width: auto; } .data td { white-space: pre-wrap; } .data th, .data td { overflow-wrap: break-word; max-width: 24rem; } .data :is(th, td):not(.number) { min-width: 6rem; }
td.why { color: var(--ink-2); max-width: 26rem; } .list td:nth-child(2) { min-width: 8.5rem; } .list td.name { white-space: nowrap; } .unit { display: none; }
.state { white-space: nowrap; font-weight: 500; } ${["completed", "running", "failed", "crashed", "cancelled", "cancelling", "scheduled", "pending", "paused"].map((state) => `.${state} { color: var(--${state}); }`).join(" ")}
pre, code { font: .75rem/1.55 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { margin: 0; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--sunken); border: 1px solid var(--line); border-radius: 8px; padding: .75rem 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: .5rem 0; } dt { color: var(--ink-3); } dd { margin: 0; overflow-wrap: anywhere; }
.warn { color: var(--paused); } .error { color: var(--failed); } footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .75rem; font-size: .75rem; }
progress { accent-color: var(--ink-2); vertical-align: middle; } summary { cursor: pointer; } details pre { margin-top: .5rem; }
@media (max-width: 46rem) { body { padding: 1rem 1rem 2rem; } .list thead { display: none; } .list tr { display: flex; flex-wrap: wrap; gap: .1rem .75rem; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  .list td, .list td:nth-child(2) { border: 0; padding: 0; min-width: 0; } .list td:empty { display: none; } .list td.why { flex-basis: 100%; order: 1; } .list td.number { margin-left: auto; } .list td.name { white-space: normal; } .unit { display: inline; } }
`;
