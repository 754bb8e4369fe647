// Bars of a series as columns, fetched once for each series and kind of price.
const kept = new Map();

export class NoBars extends Error {}

export async function load(address, { symbol, timeframe, price }) {
  const url = `${address.replace("{symbol}", encodeURIComponent(symbol))}?${new URLSearchParams({ timeframe, price })}`;
  if (!kept.has(url)) kept.set(url, fetchBars(url));
  try {
    return await kept.get(url);
  } catch (error) {
    kept.delete(url);
    throw error;
  }
}

async function fetchBars(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (answer.status === 401) throw new NoBars("You are logged out. Reload the page to log in again.");
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new NoBars(sentence(body) ?? `The server answered ${answer.status}. Reload the page in a moment.`);
  if (!body.epoch.length) throw new NoBars("This series has no bars yet. Load some with: python manage.py import_bars FILE");
  return body;
}

function sentence(body) {
  const first = Object.values(body)[0];
  return Array.isArray(first) ? first[0] : first;
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
