// What loaded models add to the chart: a pane of their probabilities, arrows, bands, and a pane of the equity.
import { Arrows } from "./arrows.js";
import { Bands } from "./bands.js";
import { indexAt } from "./bars.js";
import { colours, modelColour } from "./candles.js";
import { Drawdown } from "./drawdown.js";
import * as format from "./format.js";

const PROBABILITY_PANE = 2;
const EQUITY_PANE = 3;
const HEIGHT = 1.5; // of a pane, where the candles have 5
const MARGIN = 0.02; // of probability around the threshold
const NAMES = { train: "Training", validation: "Validation", test: "Test", after: "After" };
const PLAIN = { lastValueVisible: false, priceLineVisible: false, lineWidth: 1.5, crosshairMarkerRadius: 3 };

export class Layer {
  constructor(library, candles) {
    Object.assign(this, { library, candles });
    this.lines = [];
    this.equity = null;
    this.threshold = 0.5;
    this.arrows = new Arrows();
    this.bands = new Bands({ labelled: true });
    candles.price.attachPrimitive(this.arrows);
    candles.price.attachPrimitive(this.bands);
  }

  // found: columns of each loaded model; the first has the word: its arrows, bands and equity are shown.
  show(found, { threshold, hits }) {
    this.threshold = threshold;
    this.found = found;
    this.#lines(found);
    this.#arrows(found[0], hits);
    const shown = found[0] ? bandsOf(found[0], this.candles.bars) : [];
    for (const band of [this.bands, this.paneBands]) band?.show(shown, null);
    if (!found.length) this.showEquity(null);
  }

  // While train mode shows what a click would use, the bands of a model would only confuse.
  hideBands(hidden) {
    const shown = hidden || !this.found?.[0] ? [] : bandsOf(this.found[0], this.candles.bars);
    for (const band of [this.bands, this.paneBands]) band?.show(shown, null);
  }

  #lines(found) {
    const { chart } = this.candles;
    while (this.lines.length > found.length) {
      chart.removeSeries(this.lines.pop());
      if (!this.lines.length) this.paneBands = this.line = null;
    }
    const style = this.library.LineStyle;
    const styles = [style.Solid, style.Dashed, style.Dotted, style.LargeDashed];
    const autoscaleInfoProvider = (usual) => around(usual(), this.threshold);
    found.forEach((columns, i) => {
      if (!this.lines[i]) {
        const options = { ...PLAIN, lineStyle: styles[i % styles.length], autoscaleInfoProvider };
        const priceFormat = { type: "price", precision: 3, minMove: 0.001 };
        this.lines[i] = chart.addSeries(this.library.LineSeries, { ...options, priceFormat }, PROBABILITY_PANE);
        if (i === 0) this.#firstLine();
      }
      this.lines[i].applyOptions({ color: modelColour(i) });
      this.lines[i].setData(columns.epoch.map((time, row) => ({ time, value: columns.probability[row] })));
    });
    this.line?.applyOptions({ price: this.threshold, color: colours().text });
  }

  #firstLine() {
    this.candles.chart.panes()[PROBABILITY_PANE].setStretchFactor(HEIGHT);
    this.paneBands = new Bands({ labelled: false });
    this.lines[0].attachPrimitive(this.paneBands);
    const options = { price: this.threshold, lineWidth: 1, lineStyle: this.library.LineStyle.Dashed };
    this.line = this.lines[0].createPriceLine({ ...options, title: "threshold", axisLabelVisible: true });
  }

  #arrows(columns, hits) {
    if (!columns) return this.arrows.show(null, []);
    const { bars } = this.candles;
    const rows = [];
    let at = 0;
    columns.epoch.forEach((time, i) => {
      while (at < bars.epoch.length && bars.epoch[at] < time) at++;
      if (bars.epoch[at] !== time) return;
      const up = columns.probability[i] >= this.threshold;
      const missed = columns.up[i] !== null && Boolean(columns.up[i]) !== up;
      rows.push({ at, up, hollow: hits && missed });
    });
    return this.arrows.show(bars, rows);
  }

  // found: what following the first model earned, or null.
  showEquity(found) {
    const { chart, bars } = this.candles;
    if (!found?.strategy) {
      for (const series of this.equity ?? []) chart.removeSeries(series);
      this.equity = null;
      return;
    }
    if (!this.equity) this.#equityPane();
    const [own, holding] = this.equity;
    own.applyOptions({ color: modelColour(0) });
    holding.applyOptions({ color: colours().text });
    own.setData(found.epoch.map((time, i) => ({ time, value: found.strategy.equity[i] })));
    holding.setData(found.epoch.map((time, i) => ({ time, value: found.buy_and_hold.equity[i] })));
    this.drawdown.show(found.strategy.equity, indexAt(bars, found.epoch[0]));
  }

  #equityPane() {
    const dashed = { ...PLAIN, lineStyle: this.library.LineStyle.Dashed };
    const { chart } = this.candles;
    this.equity = [PLAIN, dashed].map((options) => chart.addSeries(this.library.LineSeries, options, EQUITY_PANE));
    chart.panes()[EQUITY_PANE].setStretchFactor(HEIGHT);
    this.drawdown = new Drawdown();
    this.equity[0].attachPrimitive(this.drawdown);
  }
}

// The scale of the probabilities always holds the threshold.
function around(found, threshold) {
  if (!found) return found;
  const { minValue, maxValue } = found.priceRange;
  const low = Math.min(minValue, threshold - MARGIN);
  const high = Math.max(maxValue, threshold + MARGIN);
  return { ...found, priceRange: { minValue: low, maxValue: high } };
}

// Runs of candles of the same part.
function bandsOf({ epoch, sample, samples }, bars) {
  const bands = [];
  for (let start = 0, i = 1; i <= sample.length; i++) {
    if (sample[i] === sample[start]) continue;
    const part = samples[sample[start]];
    if (NAMES[part]) {
      const text = `${NAMES[part]} ${format.count(i - start)} candles`;
      bands.push({ part, from: indexAt(bars, epoch[start]), to: indexAt(bars, epoch[i - 1]), text });
    }
    start = i;
  }
  return bands;
}
