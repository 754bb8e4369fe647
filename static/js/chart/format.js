// Figures, dates and parts of the bars as pages write them.
export const PARTS = { train: "Training", validation: "Validation", gap: "Gap", test: "Test", after: "After" };
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });

export const count = (value) => whole.format(value);
export const volume = (value) => short.format(value);
export const percent = (part, total) => `${Math.round((100 * part) / total)} %`;
export const decimals = (price) => (price < 5 ? 4 : 2);

// The bar's own day; with the hour where bars are shorter than a day.
export function day(seconds, timeframe) {
  const text = new Date(seconds * 1000).toISOString();
  return timeframe === "1d" || timeframe === "1w" ? text.slice(0, 10) : text.slice(0, 16).replace("T", " ");
}

export const utc = (seconds) => new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
