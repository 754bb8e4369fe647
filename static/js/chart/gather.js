// Candles gathered for a sweep in train mode: Shift and a click, a drag, or Enter.
import { Bands } from "./bands.js";
import * as format from "./format.js";

export class Gather {
  constructor({ candles, frame, form, series, isOn }) {
    Object.assign(this, { candles, frame, form, series, isOn });
    this.indexes = new Set();
    this.from = null; // where a drag began
    this.bands = new Bands({ labelled: false });
    candles.price.attachPrimitive(this.bands);
    const capture = { capture: true };
    frame.addEventListener("pointerdown", (event) => this.#begin(event), capture);
    frame.addEventListener("pointermove", (event) => this.from !== null && this.#show(this.#between(event)), capture);
    for (const name of ["pointerup", "pointercancel"]) frame.addEventListener(name, (event) => this.#end(event), capture);
    form.querySelector("[data-clear]").addEventListener("click", () => this.clear());
    form.addEventListener("submit", () => this.#fill());
  }

  clear() {
    this.indexes.clear();
    this.#show();
  }

  toggle(index) {
    if (!this.indexes.delete(index) && !this.candles.isStale(index)) this.indexes.add(index);
    this.#show();
  }

  // The chart is not moved by a drag that gathers.
  #begin(event) {
    if (!this.isOn() || !event.shiftKey || event.button !== 0 || !event.target.closest("canvas, td")) return;
    this.from = this.#indexAt(event);
    this.candles.chart.applyOptions({ handleScroll: { pressedMouseMove: false } });
  }

  #end(event) {
    if (this.from === null) return;
    const stretch = this.#between(event);
    this.from = null;
    this.candles.chart.applyOptions({ handleScroll: { pressedMouseMove: true } });
    if (stretch.length === 1) return this.toggle(stretch[0]);
    for (const index of stretch) this.indexes.add(index);
    this.#show();
  }

  #indexAt({ clientX }) {
    const x = clientX - this.frame.getBoundingClientRect().left;
    const last = this.candles.bars.epoch.length - 1;
    return Math.min(last, Math.max(0, Math.round(this.candles.chart.timeScale().coordinateToLogical(x))));
  }

  #between(event) {
    const to = this.#indexAt(event);
    const first = Math.min(this.from, to);
    const stretch = Array.from({ length: Math.abs(to - this.from) + 1 }, (_, step) => first + step);
    return stretch.filter((index) => !this.candles.isStale(index));
  }

  #show(more = []) {
    const all = new Set([...this.indexes, ...more]);
    this.bands.show(
      [...all].map((index) => ({ part: "test", from: index, to: index, text: "" })),
      null,
    );
    this.form.hidden = !all.size;
    const what = `${format.count(all.size)} ${all.size === 1 ? "candle" : "candles"}`;
    this.form.querySelector("[data-count]").textContent = `Sweep ${what} …`;
  }

  #fill() {
    const { symbol, timeframe } = this.series();
    const times = [...this.indexes].sort((a, b) => a - b).map((index) => format.utc(this.candles.bars.epoch[index]));
    const fields = this.form.elements;
    fields.symbol.value = symbol;
    fields.timeframe.value = timeframe;
    fields.candles.value = times.join(" ").replaceAll("T00:00:00Z", ""); // a day alone is its midnight
  }
}
