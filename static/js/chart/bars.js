// Bars of a series as columns, fetched once for each series and kind of price, and again when new ones have come.
import { Kept, Unanswered } from "./kept.js";

const kept = new Map();

export class NoBars extends Unanswered {}

export async function load(address, wanted) {
  const found = keptFor(address, wanted);
  if (!found.body) await found.ask();
  if (!found.body.epoch.length) {
    throw new NoBars("This series has no bars yet. A manager can upload some on the page Data.");
  }
  return found.body;
}

// The bars if there are new ones, else null.
export async function refresh(address, wanted) {
  const found = keptFor(address, wanted);
  return (await found.ask()) && found.body.epoch.length ? found.body : null;
}

function keptFor(address, { symbol, timeframe, price }) {
  const url = `${address.replace("{symbol}", encodeURIComponent(symbol))}?${new URLSearchParams({ timeframe, price })}`;
  if (!kept.has(url)) kept.set(url, new Kept(url));
  return kept.get(url);
}

// Position of the bar at `seconds`, or of the first after it.
export function indexAt(bars, seconds) {
  let low = 0;
  let high = bars.epoch.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bars.epoch[middle] < seconds) low = middle + 1;
    else high = middle;
  }
  return low;
}
