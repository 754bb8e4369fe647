// Arrows at the candles where a model says up or down: below and teal, above and orange. A prediction stands at the
// candle whose close it is made at. With hits and misses on, a miss is hollow.
import { colours } from "./candles.js";

const ROOMY = 2.5; // pixels a bar: closer together they would be a smear
const GAP = 5;

class Renderer {
  constructor(owner) {
    this.owner = owner;
  }

  draw(target) {
    const { scale, series, bars, rows } = this.owner;
    const seen = scale?.getVisibleLogicalRange();
    if (!seen || !bars || !rows.length) return;
    const spacing = scale.logicalToCoordinate(1) - scale.logicalToCoordinate(0);
    if (spacing < ROOMY) return;
    const c = colours();
    const size = Math.min(5, Math.max(2, spacing * 0.42));
    target.useMediaCoordinateSpace(({ context }) => {
      context.lineWidth = 1;
      for (let i = firstFrom(rows, seen.from - 1); i < rows.length && rows[i].at <= seen.to + 1; i++) {
        const { at, up, hollow } = rows[i];
        const x = scale.logicalToCoordinate(at);
        const price = series.priceToCoordinate(up ? bars.low[at] : bars.high[at]);
        if (price === null) continue;
        arrow(context, x, up ? price + GAP : price - GAP, up ? size : -size, up ? c.up : c.down, hollow ? c.surface : null);
      }
    });
  }
}

// The tip at y; a positive size points up from below.
function arrow(context, x, y, size, colour, inside) {
  const half = Math.abs(size);
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x - half, y + 1.6 * size);
  context.lineTo(x + half, y + 1.6 * size);
  context.closePath();
  context.fillStyle = inside ?? colour;
  context.strokeStyle = colour;
  context.fill();
  context.stroke();
}

function firstFrom(rows, position) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].at < position) low = middle + 1;
    else high = middle;
  }
  return low;
}

// A primitive of lightweight-charts for the candles.
export class Arrows {
  constructor() {
    this.bars = null;
    this.rows = [];
    this.scale = null;
    const renderer = new Renderer(this);
    this.views = [{ zOrder: () => "top", renderer: () => renderer }];
  }

  attached({ chart, series, requestUpdate }) {
    this.scale = chart.timeScale();
    this.series = series;
    this.requestUpdate = requestUpdate;
  }

  detached() {
    this.scale = null;
  }

  paneViews() {
    return this.views;
  }

  // rows: [{at, up, hollow}], ascending by `at`, the position of the bar.
  show(bars, rows) {
    this.bars = bars;
    this.rows = rows;
    this.requestUpdate?.();
  }
}
