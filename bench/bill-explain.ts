/** What a shape's bill is made of: requests of one kind together, with the sizes that their units were rounded up from. */

import { feesOf, total } from "../adapters/aws/prices.ts";
import type { Charge } from "../adapters/aws/usage.ts";
import type { World } from "./world.ts";

interface Sum {
  count: number;
  usd: number;
  readonly sizes: number[];
}

export function explain(): { readonly listen: (name: string, world: World) => void; readonly print: (name: string) => void } {
  let sums = new Map<string, Sum>();
  return {
    listen(_, world) {
      sums = new Map();
      world.onCharge = ({ operation, of, bytes, usage }: Charge) => {
        const what = `${operation} ${of.replace(/^bill-[^-]*-[^-]*-/, "")}`;
        const sum = sums.get(what) ?? { count: 0, usd: 0, sizes: [] };
        sums.set(what, sum);
        sum.count++;
        sum.usd += total(feesOf(usage));
        sum.sizes.push(bytes);
      };
    },
    print(name) {
      if (sums.size === 0) return;
      const all = [...sums.values()].reduce((sum, { usd }) => sum + usd, 0);
      console.log(`\n${name}: ${all.toExponential(3)} dollars`);
      for (const [what, { count, usd, sizes }] of [...sums].sort(([, a], [, b]) => b.usd - a.usd)) {
        const sorted = [...sizes].sort((a, b) => a - b);
        const at = (part: number): number => sorted[Math.floor(part * (sorted.length - 1))] as number;
        console.log(
          `  ${((100 * usd) / all).toFixed(1).padStart(5)} %  ${String(count).padStart(5)} × ${what}: ${at(0)}, ${at(0.5)}, ${at(1)} bytes (least, median, most)`,
        );
      }
    },
  };
}
