// Ways through the bars that are not the library's own: to a day, to either end, by pages. Each ends in the address.
import { indexAt } from "./bars.js";

const PAGE = 0.9; // of what is in sight
const MOMENT = /^\d{4}(-\d{2}(-\d{2}( \d{2}:\d{2})?)?)?$/;

export class Moves {
  constructor({ candles, field, onMove, onPoint }) {
    Object.assign(this, { candles, field, onMove, onPoint });
    field.addEventListener("input", () => field.setCustomValidity(""));
    field.addEventListener("keydown", ({ key }) => key === "Enter" && this.#goTo(field.value.trim()));
  }

  key({ key }) {
    const { from, to } = this.candles.visible();
    const [width, last] = [to - from, this.candles.bars.epoch.length - 1];
    const page = Math.max(1, Math.round(width * PAGE));
    const starts = { Home: 0, End: last - width, PageUp: from - page, PageDown: from + page };
    if (!(key in starts)) return false;
    this.#show(Math.min(starts[key], last - width), width);
    return true;
  }

  #goTo(text) {
    if (!text || !this.candles.bars) return;
    const moment = MOMENT.test(text) ? Date.parse(text.includes(" ") ? `${text.replace(" ", "T")}Z` : text) : NaN;
    if (Number.isNaN(moment)) {
      this.field.setCustomValidity("Write it as 2023, 2023-06, 2023-06-15 or 2023-06-15 14:00, in UTC.");
      this.field.reportValidity();
      return;
    }
    const { bars } = this.candles;
    const index = Math.min(bars.epoch.length - 1, indexAt(bars, moment / 1000));
    const { from, to } = this.candles.visible();
    this.#show(index - Math.round((to - from) / 2), to - from);
    requestAnimationFrame(() => this.onPoint(index)); // once the chart has moved
  }

  #show(start, width) {
    const from = Math.max(0, start);
    this.candles.showIndexes(from, from + width);
    this.onMove(from, Math.min(from + width, this.candles.bars.epoch.length - 1));
  }
}
