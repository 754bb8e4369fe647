// The values at the bar under the crosshair, of the last bar when there is none: the bar's own, those of indicators,
// what the loaded model said of it and what was recommended.
import { make } from "../dom.js";
import * as format from "./format.js";

export class Legend {
  constructor(element) {
    this.element = element;
  }

  // more: lines of [label, value, colour of its line or null].
  show(bars, index, { symbol, timeframe, price }, more) {
    const places = format.decimals(bars.close[bars.close.length - 1]);
    const close = bars.close[index];
    const before = index > 0 ? bars.close[index - 1] : bars.open[index];
    const change = 100 * (close / before - 1);
    const time = { title: format.utc(bars.epoch[index]) };
    const parts = [
      make("strong", {}, `${symbol} ${timeframe}`),
      make("span", time, format.day(bars.epoch[index], timeframe)),
    ];
    for (const [letter, column] of [["O", "open"], ["H", "high"], ["L", "low"], ["C", "close"]]) {
      parts.push(labelled(letter, bars[column][index].toFixed(places)));
    }
    const moved = { className: change < 0 ? "down" : "up" };
    parts.push(make("span", moved, `${Math.abs(change).toFixed(2)} %`));
    parts.push(labelled("Vol", format.volume(bars.volume[index])));
    if (price === "raw") parts.push(labelled("", "raw prices"));
    if (bars.stale?.includes(bars.epoch[index])) parts.push(labelled("", "stale: no candle"));
    const lines = [parts, ...more.filter((line) => line.length).map((line) => line.map((part) => labelled(...part)))];
    this.element.replaceChildren(...lines.map((line) => make("div", { className: "legend-line" }, ...line)));
  }
}

function labelled(label, value, colour = null) {
  const name = make("span", { className: "muted" }, `${label} `);
  if (!colour) return make("span", {}, name, value);
  const key = make("span", { className: "legend-key" });
  key.style.background = colour;
  return make("span", {}, key, name, value);
}
