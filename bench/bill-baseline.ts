/** The bill as it was when somebody last looked at it: `bench/bill-baseline.json`, written by `npm run bill -- --baseline`. A shape that got dearer is a change to be wanted, not to happen. */
import { type Fees, type Service, total } from "../adapters/aws/prices.ts";

/** By shape. Unit: US dollars. */
export type Baseline = Readonly<Record<string, Fees>>;

/** A large map in small, so that it can be in a test. */
export const BASELINE_ITEMS = 20_000;
const TOLERANCE = 0.05;

/** A sentence for each shape that got dearer by more than 5 %, with the services that did, or that is in one of the two only. */
export function dearer(before: Baseline, now: Baseline): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  return names.flatMap((name) => {
    const [was, is] = [before[name], now[name]];
    if (!was || !is) return [`${name}: ${was ? "was not measured" : "is not in the baseline"}`];
    const [old, fresh] = [total(was), total(is)];
    if (fresh <= old * (1 + TOLERANCE)) return [];
    const services = [...new Set([...Object.keys(was), ...Object.keys(is)])] as Service[];
    const grown = services.map((service) => ({ service, more: (is[service] ?? 0) - (was[service] ?? 0) })).filter(({ more }) => more > 0);
    const what = grown.sort((a, b) => b.more - a.more).map(({ service, more }) => `${service} +${usd(more)}`);
    return [`${name}: ${usd(fresh)} instead of ${usd(old)} (+${((100 * (fresh - old)) / old).toFixed(1)} %): ${what.join(", ")}`];
  });
}

const usd = (amount: number): string => `$${amount.toPrecision(3)}`;

/** As it is written: to four digits, which is finer than what is compared. */
export function rounded(fees: Fees): Fees {
  return Object.fromEntries(Object.entries(fees).map(([service, amount]) => [service, Number(amount.toPrecision(4))]));
}
