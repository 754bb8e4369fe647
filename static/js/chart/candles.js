// The drawing: candles above, volume below, in the colours of the page's theme.
import { decimals } from "./format.js";

const LEAST_ROOM = 0.2; // of a pane's height, the library's own
const MOST_ROOM = 0.5;
const LEGEND_MARGIN = 12; // pixels
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function colours() {
  return {
    up: css("--up"),
    down: css("--down"),
    text: css("--chart-text"),
    grid: css("--grid"),
    surface: css("--chart-surface"),
    train: css("--train"),
    validation: css("--validation"),
    gap: css("--gap"),
    test: css("--test"),
    after: css("--after"),
  };
}

export const modelColour = (place) => css(`--model-${place}`);
export const indicatorColour = (line) => css(`--line-${line.replaceAll("_", "-")}`) || css("--line");

export class Candles {
  constructor(library, frame) {
    this.chart = library.createChart(frame, {
      autoSize: true,
      layout: { attributionLogo: false, fontFamily: getComputedStyle(document.body).fontFamily },
      localization: { locale: "en", dateFormat: "yyyy-MM-dd" },
      crosshair: { mode: library.CrosshairMode.Normal },
      timeScale: { minBarSpacing: 0.01, rightOffset: 3 },
      handleScale: { axisPressedMouseMove: { time: true, price: false } },
    });
    this.price = this.chart.addSeries(library.CandlestickSeries, { lastValueVisible: false, priceLineVisible: false });
    this.volume = this.chart.addSeries(
      library.HistogramSeries,
      { priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false },
      1,
    );
    const [upper, lower] = this.chart.panes();
    upper.setStretchFactor(5);
    lower.setStretchFactor(1);
    this.modes = { linear: library.PriceScaleMode.Normal, log: library.PriceScaleMode.Logarithmic };
    this.room = LEAST_ROOM;
    this.bars = null;
    this.stale = new Set();
    this.paint();
  }

  // Up is hollow, down is filled: told apart without colour too.
  paint() {
    const c = colours();
    this.chart.applyOptions({
      layout: { background: { color: c.surface }, textColor: c.text, panes: { separatorColor: c.grid } },
      grid: { vertLines: { color: c.grid }, horzLines: { color: c.grid } },
      rightPriceScale: { borderColor: c.grid },
      timeScale: { borderColor: c.grid },
    });
    this.price.applyOptions({
      upColor: c.surface,
      borderUpColor: c.up,
      wickUpColor: c.up,
      downColor: c.down,
      borderDownColor: c.down,
      wickDownColor: c.down,
    });
    if (!this.bars) return;
    this.#fillVolume(c);
    if (this.stale.size) this.#fillPrice(c); // their colours are in the data
  }

  show(bars, timeframe) {
    this.bars = bars;
    this.stale = new Set(bars.stale);
    const { close } = bars;
    const precision = decimals(close[close.length - 1]);
    this.price.applyOptions({ priceFormat: { type: "price", precision, minMove: 10 ** -precision } });
    this.chart.applyOptions({ timeScale: { secondsVisible: false, timeVisible: timeframe === "1h" || timeframe === "4h" } });
    const c = colours();
    this.#fillPrice(c);
    this.#fillVolume(c);
  }

  // Whether a bar only carries the price before it forward: it is no candle.
  isStale(index) {
    return this.stale.has(this.bars.epoch[index]);
  }

  // Stale bars are hollow and faint.
  #fillPrice(c) {
    const { epoch, open, high, low, close } = this.bars;
    const faint = { color: c.surface, borderColor: `${c.text}80`, wickColor: `${c.text}80` };
    this.price.setData(
      epoch.map((time, i) => {
        const bar = { time, open: open[i], high: high[i], low: low[i], close: close[i] };
        return this.stale.has(time) ? { ...bar, ...faint } : bar;
      }),
    );
  }

  #fillVolume(c) {
    const { epoch, open, close, volume } = this.bars;
    const faint = { up: `${c.up}80`, down: `${c.down}b0` };
    this.volume.setData(
      epoch.map((time, i) => ({ time, value: volume[i], color: close[i] < open[i] ? faint.down : faint.up })),
    );
  }

  // Prices begin below a legend so high. The room never shrinks, so that nothing jumps while the crosshair moves.
  leaveRoom(legendHeight) {
    const top = Math.min(MOST_ROOM, (legendHeight + LEGEND_MARGIN) / this.price.getPane().getHeight());
    if (!(top > this.room)) return;
    this.room = top;
    this.price.priceScale().applyOptions({ scaleMargins: { top, bottom: 0.1 } });
  }

  setScale(name) {
    this.price.priceScale().applyOptions({ mode: this.modes[name] });
  }

  // Bars `from` … `to`, with a little air at the newest end.
  showIndexes(from, to) {
    this.chart.timeScale().setVisibleLogicalRange({ from: from - 0.5, to: to + 0.5 + Math.max(1, (to - from) * 0.02) });
  }

  // First and last bar in sight.
  visible() {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (!range || !this.bars) return null;
    const last = this.bars.epoch.length - 1;
    return { from: Math.min(Math.max(0, Math.ceil(range.from)), last), to: Math.max(0, Math.min(last, Math.floor(range.to))) };
  }

  // Scrolls so far that the bar is in sight.
  reveal(index) {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    const margin = (range.to - range.from) * 0.05;
    let shift = 0;
    if (index < range.from + margin) shift = index - range.from - margin;
    if (index > range.to - margin) shift = index - range.to + margin;
    if (shift) this.chart.timeScale().setVisibleLogicalRange({ from: range.from + shift, to: range.to + shift });
  }

  // Where a bar is, in pixels.
  x(index) {
    return this.chart.timeScale().logicalToCoordinate(index);
  }

  point(index) {
    this.chart.setCrosshairPosition(this.bars.close[index], this.bars.epoch[index], this.price);
  }
}
