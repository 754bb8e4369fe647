// The space between an equity and its highest point so far, shaded.
import { colours } from "./candles.js";

class Renderer {
  constructor(owner) {
    this.owner = owner;
  }

  draw(target) {
    const { scale, series, points } = this.owner;
    const seen = scale?.getVisibleLogicalRange();
    if (!seen) return;
    const shown = points.filter(({ at }) => at >= seen.from - 1 && at <= seen.to + 1);
    if (shown.length < 2) return;
    target.useMediaCoordinateSpace(({ context }) => {
      const trace = ({ at }, value) => context.lineTo(scale.logicalToCoordinate(at), series.priceToCoordinate(value));
      context.beginPath();
      for (const point of shown) trace(point, point.peak);
      for (const point of shown.toReversed()) trace(point, point.value);
      context.closePath();
      context.globalAlpha = 0.2;
      context.fillStyle = colours().down;
      context.fill();
      context.globalAlpha = 1;
    });
  }
}

// A primitive of lightweight-charts for the series of the equity.
export class Drawdown {
  constructor() {
    this.points = [];
    this.scale = null;
    const renderer = new Renderer(this);
    this.views = [{ zOrder: () => "bottom", renderer: () => renderer }];
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

  // equity: values from the bar at position `first` on.
  show(equity, first) {
    let peak = -Infinity;
    this.points = equity.map((value, i) => ({ at: first + i, value, peak: (peak = Math.max(peak, value)) }));
    this.requestUpdate?.();
  }
}
