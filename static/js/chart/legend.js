// Open, high, low, close and volume of the bar under the crosshair; of the last bar when there is none.
import { make } from "../dom.js";
import * as format from "./format.js";

export class Legend {
  constructor(element) {
    this.element = element;
  }

  show(bars, index, { symbol, timeframe, price }) {
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
    this.element.replaceChildren(...parts);
  }
}

function labelled(label, value) {
  return make("span", {}, make("span", { className: "muted" }, `${label} `), value);
}
