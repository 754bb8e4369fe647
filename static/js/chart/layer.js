// What loaded models add to the chart: panes of their probabilities, of the equity and of its drawdown, arrows, bands.
import { Bands } from "./bands.js";
import { indexAt } from "./bars.js";
import { colours, modelColour } from "./candles.js";
import * as format from "./format.js";

const HEIGHT = 1.5; // of a pane, where the candles have 5
const LOW_HEIGHT = 1;
const MARGIN = 0.02; // of probability around the threshold
const PERCENT = { type: "custom", minMove: 0.1, formatter: (value) => `${Number(value.toFixed(1))} %` };
const PLAIN = { lastValueVisible: false, priceLineVisible: false, lineWidth: 1.5, crosshairMarkerRadius: 3 };

// Arrows are the text of markers without a shape: the library draws its own shapes never narrower than 13 pixels, which
// a year of candles has no room for, and never hollow. Below ROOMY pixels a bar even small ones would be a smear.
const ROOMY = 2.5;
const SPACIOUS = 8;
const SMALL = { up: ["▴", "▵"], down: ["▾", "▿"] };
const LARGE = { up: ["▲", "△"], down: ["▼", "▽"] };
// Recommendations: what was said and its outcome in a word where there is room, else filled for a hit, hollow for a miss.
const WORDY = 48;
const WORDS = { ...LARGE, isWordy: true };
const DOTS = { hit: "●", miss: "○", pending: "◌" };

export class Layer {
  constructor(library, candles) {
    Object.assign(this, { library, candles });
    this.lines = [];
    this.equity = null;
    this.threshold = 0.5;
    this.signals = [];
    this.recommended = [];
    this.markers = library.createSeriesMarkers(candles.price, [], { autoScale: false, zOrder: "top" });
    this.bands = new Bands({ labelled: true });
    candles.price.attachPrimitive(this.bands);
    candles.chart.timeScale().subscribeVisibleLogicalRangeChange(() => this.#glyphs() !== this.glyphs && this.#mark());
  }

  // found: columns of each loaded model; the first has the word: its arrows, bands and equity are shown.
  show(found, { threshold, hits }) {
    this.threshold = threshold;
    this.found = found;
    this.#lines(found);
    this.#arrows(found[0], hits);
    this.hideBands(false);
    if (!found.length) this.showEquity(null);
  }

  // marks: [{time, label, color, outcome}] of what was recommended.
  showRecommendations(marks) {
    this.recommended = marks;
    this.#mark();
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
        this.pane = i === 0 ? chart.addPane() : this.pane; // it goes with its last line
        this.lines[i] = this.pane.addSeries(this.library.LineSeries, { ...options, priceFormat });
        if (i === 0) this.#firstLine();
      }
      this.lines[i].applyOptions({ color: modelColour(i) });
      this.lines[i].setData(columns.epoch.map((time, row) => ({ time, value: columns.probability[row] })));
    });
    this.line?.applyOptions({ price: this.threshold, color: colours().text });
  }

  #firstLine() {
    this.pane.setStretchFactor(HEIGHT);
    this.paneBands = new Bands({ labelled: false });
    this.lines[0].attachPrimitive(this.paneBands);
    const options = { price: this.threshold, lineWidth: 1, lineStyle: this.library.LineStyle.Dashed };
    this.line = this.lines[0].createPriceLine({ ...options, title: "threshold", axisLabelVisible: true });
  }

  // An arrow stands at the candle whose close it is said at: below for up, above for down.
  #arrows(columns, hits) {
    const candles = new Set(this.candles.bars?.epoch);
    this.signals = [];
    columns?.epoch.forEach((time, i) => {
      if (!candles.has(time)) return;
      const up = columns.probability[i] >= this.threshold;
      const missed = columns.up[i] !== null && Boolean(columns.up[i]) !== up;
      this.signals.push({ time, way: up ? "up" : "down", hollow: hits && missed });
    });
    this.#mark();
  }

  #glyphs() {
    const { barSpacing } = this.candles.chart.timeScale().options();
    if (barSpacing < ROOMY) return null;
    if (barSpacing < SPACIOUS) return SMALL;
    return barSpacing < WORDY ? LARGE : WORDS;
  }

  #mark() {
    const glyphs = (this.glyphs = this.#glyphs());
    const c = colours();
    const marker = ({ time, way, hollow }) => ({
      time,
      position: way === "up" ? "belowBar" : "aboveBar",
      shape: "circle",
      size: 0,
      color: c[way],
      text: glyphs[way][Number(hollow)],
    });
    const recommended = ({ time, label, color, outcome }) => ({
      time,
      position: label === "BUY" ? "belowBar" : "aboveBar",
      shape: "circle",
      size: 0,
      color,
      text: glyphs.isWordy ? `${label} ${outcome}` : DOTS[outcome],
    });
    const marks = glyphs ? [...this.signals.map(marker), ...this.recommended.map(recommended)] : [];
    this.markers.setMarkers(marks.sort((one, other) => one.time - other.time));
  }

  // found: what following the first model earned, or null.
  showEquity(found) {
    const { chart } = this.candles;
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
    const colour = colours().down;
    this.equity[2].applyOptions({ lineColor: colour, topColor: `${colour}33`, bottomColor: `${colour}33` });
    const depths = drawdown(found.strategy.equity);
    this.equity[2].setData(found.epoch.map((time, i) => ({ time, value: depths[i] })));
  }

  #equityPane() {
    const { LineSeries, AreaSeries, LineStyle } = this.library;
    const [upper, lower] = [this.candles.chart.addPane(), this.candles.chart.addPane()];
    const dashed = { ...PLAIN, lineStyle: LineStyle.Dashed };
    const below = { ...PLAIN, lineWidth: 1, invertFilledArea: true, priceFormat: PERCENT };
    this.equity = [
      upper.addSeries(LineSeries, PLAIN),
      upper.addSeries(LineSeries, dashed),
      lower.addSeries(AreaSeries, below),
    ];
    upper.setStretchFactor(HEIGHT);
    lower.setStretchFactor(LOW_HEIGHT);
  }
}

// How far an equity lies below its highest point so far, in percent, <= 0.
function drawdown(equity) {
  let peak = -Infinity;
  return equity.map((value) => 100 * (value / (peak = Math.max(peak, value)) - 1));
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
    if (format.PARTS[part]) {
      const text = `${format.PARTS[part]} ${format.count(i - start)} candles`;
      bands.push({ part, from: indexAt(bars, epoch[start]), to: indexAt(bars, epoch[i - 1]), text });
    }
    start = i;
  }
  return bands;
}
