// Indicators over and below the candles. The server computes them, by the code of the models' features.
import { colours, indicatorColour } from "./candles.js";
import { choose, chosen } from "./choices.js";
import * as format from "./format.js";
import { Kept } from "./kept.js";

const KEPT = "indicators";
const HEIGHT = 1.2; // of a pane, where the candles have 5
const FIRST_PANE = 2; // below candles and volume
const PLAIN = { lastValueVisible: false, priceLineVisible: false, lineWidth: 1.5, crosshairMarkerRadius: 3 };
const RSI_BOUNDS = [30, 70];

export class Indicators {
  constructor({ library, candles, menu, address, series, onChange }) {
    Object.assign(this, { library, candles, address, series, onChange });
    this.boxes = [...menu.querySelectorAll("input[data-lines]")];
    this.drawn = new Map(); // name -> { box, lines: [series of the chart], label and bounds of a pane of its own }
    this.turn = 0;
    const names = chosen(KEPT, []);
    for (const box of this.boxes) box.checked = names.includes(box.value);
    menu.addEventListener("change", ({ target }) => {
      if (!this.boxes.includes(target)) return;
      choose(KEPT, this.#ticked().map((box) => box.value));
      this.apply();
    });
  }

  // Draws what is ticked of the series that is shown. An answer that comes after a later wish is dropped.
  async apply() {
    const turn = ++this.turn;
    const boxes = this.#ticked();
    const { symbol, timeframe, price } = this.series();
    this.#take(boxes);
    if (this.columns?.timeframe !== timeframe) this.#empty(); // their times would be on the axis of other bars
    this.columns = null;
    if (boxes.length) {
      const query = new URLSearchParams({ timeframe, price, names: boxes.map((box) => box.value).join(",") });
      const url = `${this.address.replace("{symbol}", encodeURIComponent(symbol))}?${query}`;
      if (this.kept?.url !== url) this.kept = new Kept(url);
      await this.kept.ask().catch(() => false); // bars that came meanwhile change it too
      if (turn !== this.turn) return;
      this.columns = this.kept.body;
      if (this.columns) for (const box of boxes) this.#draw(box);
    }
    this.onChange();
  }

  // Colours are the theme's.
  paint() {
    for (const { box, lines, label, bounds } of this.drawn.values()) {
      const columns = linesOf(box);
      for (const bound of bounds ?? []) bound.applyOptions({ color: colours().text });
      lines.forEach((line, i) => line.applyOptions(this.#look(columns[i])));
      label?.applyOptions({ lines: [this.#label(box)] });
    }
    if (this.columns) for (const { box } of this.drawn.values()) this.#fill(box);
  }

  // [label, value, colour] of each line at a bar.
  at(index, epoch) {
    if (this.columns?.epoch[index] !== epoch) return [];
    return [...this.drawn.values()].flatMap(({ box }) =>
      linesOf(box).map((name, i) => {
        const value = this.columns.lines[name]?.[index];
        const words = i === 0 ? box.dataset.label : name.split("_").at(-1);
        return [words, value == null ? "–" : this.#format(box).written(value), this.#look(name).color];
      }),
    );
  }

  #ticked() {
    return this.boxes.filter((box) => box.checked);
  }

  #take(boxes) {
    for (const [name, { box, lines }] of this.drawn) {
      if (boxes.includes(box)) continue;
      for (const line of lines) this.candles.chart.removeSeries(line); // a pane goes with its last one
      this.drawn.delete(name);
    }
  }

  #empty() {
    for (const { lines } of this.drawn.values()) for (const line of lines) line.setData([]);
  }

  #draw(box) {
    if (!this.drawn.has(box.value)) this.#add(box);
    this.#fill(box);
  }

  #add(box) {
    const pane = this.#pane(box);
    const { LineSeries, HistogramSeries, LineStyle } = this.library;
    const lines = linesOf(box).map((name) => {
      const type = name === "macd_histogram" ? HistogramSeries : LineSeries;
      return pane.addSeries(type, { ...PLAIN, ...this.#look(name) });
    });
    const drawn = { box, lines };
    if (box.dataset.pane === "own") {
      drawn.label = this.library.createTextWatermark(pane, { horzAlign: "left", vertAlign: "top", lines: [this.#label(box)] });
    }
    if (box.value === "rsi_14") {
      const dotted = { lineWidth: 1, lineStyle: LineStyle.Dotted, axisLabelVisible: false, color: colours().text };
      drawn.bounds = RSI_BOUNDS.map((price) => lines[0].createPriceLine({ ...dotted, price }));
      lines[0].applyOptions({ autoscaleInfoProvider: () => ({ priceRange: { minValue: 0, maxValue: 100 } }) });
    }
    this.drawn.set(box.value, drawn);
  }

  // Own panes lie in the menu's order, above those of a model.
  #pane(box) {
    if (box.dataset.pane === "price") return this.candles.price.getPane();
    if (box.dataset.pane === "volume") return this.candles.volume.getPane();
    const before = this.boxes.slice(0, this.boxes.indexOf(box));
    const above = before.filter((one) => one.dataset.pane === "own" && this.drawn.has(one.value)).length;
    const pane = this.candles.chart.addPane();
    pane.setStretchFactor(HEIGHT);
    pane.moveTo(FIRST_PANE + above);
    return pane;
  }

  #fill(box) {
    const { epoch, lines } = this.columns;
    const { priceFormat } = this.#format(box);
    const c = colours();
    linesOf(box).forEach((name, i) => {
      const values = lines[name];
      const first = values.findIndex((value) => value !== null);
      const points = first < 0 ? [] : values.slice(first).map((value, k) => ({ time: epoch[first + k], value }));
      if (name === "macd_histogram") for (const point of points) point.color = point.value < 0 ? `${c.down}80` : `${c.up}80`;
      const line = this.drawn.get(box.value).lines[i];
      line.applyOptions({ priceFormat });
      line.setData(points);
    });
  }

  #look(name) {
    const { LineStyle } = this.library;
    const style = name.startsWith("ema") || name === "macd_signal" ? LineStyle.Dashed : LineStyle.Solid;
    return { color: indicatorColour(name), lineStyle: name === "bollinger_middle" ? LineStyle.Dotted : style };
  }

  #label(box) {
    return { text: box.dataset.label, color: colours().text, fontSize: 11, fontFamily: getComputedStyle(document.body).fontFamily };
  }

  // How its values stand on the axis and in the legend.
  #format({ value: name, dataset }) {
    if (dataset.pane === "volume") return { priceFormat: { type: "volume" }, written: format.volume };
    const { close } = this.candles.bars;
    const precision = name === "rsi_14" ? 1 : format.decimals(close[close.length - 1]);
    return {
      priceFormat: { type: "price", precision, minMove: 10 ** -precision },
      written: (value) => value.toFixed(precision),
    };
  }
}

const linesOf = (box) => box.dataset.lines.split(" ");
