// What the chart shows, kept in the address, so that a link, a reload and the back button all bring it back.
const DEFAULTS = { range: "1y", price: "adjusted", scale: "linear" };
export const MOST_MODELS = 4;

export function read() {
  const query = new URLSearchParams(location.search);
  const from = Number(query.get("from"));
  const to = Number(query.get("to"));
  return {
    symbol: query.get("symbol"),
    timeframe: query.get("timeframe"),
    range: query.get("range") ?? DEFAULTS.range,
    span: from && to > from ? { from, to } : null, // seconds since 1970, when a person moved the chart
    price: query.get("price") === "raw" ? "raw" : DEFAULTS.price,
    scale: query.get("scale") === "log" ? "log" : DEFAULTS.scale,
    train: query.get("train") === "1",
    candle: query.get("candle"),
    models: (query.get("models") ?? "").split(",").filter(Boolean).slice(0, MOST_MODELS),
    threshold: share(query.get("threshold")),
    hits: query.get("hits") === "1",
    panel: query.get("panel") === "1",
    sweep: query.get("sweep"),
  };
}

function share(text) {
  const value = Number(text);
  return text && value >= 0 && value <= 1 ? value : null;
}

// `changes` maps a parameter to its value; null takes it out.
export function addressWith(changes) {
  const address = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === DEFAULTS[name]) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  return address.pathname + address.search;
}

export const replace = (changes) => history.replaceState(history.state, "", addressWith(changes));
export const push = (changes) => history.pushState(null, "", addressWith(changes));
