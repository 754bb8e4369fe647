// A sweep below the candles: a strip for each of its rows, a piece for each candle, in the map's greys.
import { indexAt } from "./bars.js";
import { colours } from "./candles.js";
import { Kept } from "./kept.js";

const ROW = 6; // pixels
const MOST = 12; // strips
const LIGHTEST = 0.2; // AUC at the ends of the scale, as on the map
const DARKEST = 0.8;

class RibbonRenderer {
  constructor(owner) {
    this.owner = owner;
  }

  draw(target) {
    const { scale, pieces, rows } = this.owner;
    if (!scale || !pieces.length) return;
    const { text, surface } = colours();
    target.useMediaCoordinateSpace(({ context, mediaSize: { width, height } }) => {
      const top = height - rows * ROW;
      const bar = scale.logicalToCoordinate(1) - scale.logicalToCoordinate(0);
      for (const { from, to, row, share } of pieces) {
        const left = scale.logicalToCoordinate(from) - bar / 2;
        const length = Math.max(1, (to - from) * bar - 0.5);
        if (left > width || left + length < 0) continue;
        context.globalAlpha = 1;
        context.fillStyle = surface;
        context.fillRect(left, top + row * ROW, length, ROW - 1);
        context.globalAlpha = 0.04 + 0.96 * share;
        context.fillStyle = text;
        context.fillRect(left, top + row * ROW, length, ROW - 1);
      }
      context.globalAlpha = 1;
    });
  }
}

export class Ribbon {
  constructor({ candles, address, series }) {
    Object.assign(this, { candles, address, series });
    this.pieces = [];
    this.turn = 0;
    const renderer = new RibbonRenderer(this);
    this.views = [{ zOrder: () => "top", renderer: () => renderer }];
    candles.price.attachPrimitive(this);
  }

  attached({ chart, requestUpdate }) {
    this.scale = chart.timeScale();
    this.requestUpdate = requestUpdate;
  }

  paneViews() {
    return this.views;
  }

  // The sweep of this id, of the series that is shown; null: none.
  async apply(id) {
    const turn = ++this.turn;
    const answer = id ? new Kept(this.address + encodeURIComponent(id)) : null;
    const isThere = await answer?.ask().catch(() => false);
    if (turn !== this.turn) return;
    this.pieces = isThere ? this.#piecesOf(answer.body) : [];
    this.requestUpdate?.();
  }

  // Each reaches to the next candle, or over its own test window where that is shorter.
  #piecesOf({ symbol, timeframe, cells, rows }) {
    const shown = this.series();
    if (symbol !== shown.symbol || timeframe !== shown.timeframe || rows.length > MOST) return [];
    this.rows = rows.length;
    const places = cells.candle.map((candle) => indexAt(this.candles.bars, Date.parse(candle) / 1000));
    return cells.auc.flatMap((auc, number) => {
      if (auc === null) return [];
      const from = places[number];
      const to = Math.min(from + cells.rows[number], places[number + this.rows] ?? Infinity);
      const share = (Math.min(DARKEST, Math.max(LIGHTEST, auc)) - LIGHTEST) / (DARKEST - LIGHTEST);
      return [{ from, to, row: number % this.rows, share }];
    });
  }
}
