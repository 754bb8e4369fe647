// What a click would use, painted behind the candles: training, validation, test. Bands may reach out of sight.
import { colours } from "./candles.js";
import { PARTS } from "./format.js";

const BELOW_LEGEND = 16; // pixels
const GAP = 6;
const PLATE = 2; // around a label
const ROOMY = 600; // in a narrower chart the legend needs the labels' place

// Behind the candles: the bands and the chosen candle's line.
class BandRenderer {
  constructor(owner) {
    this.owner = owner;
  }

  draw(target) {
    const { scale, mark, labelled } = this.owner;
    if (!scale) return;
    const c = colours();
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      for (const { band, left, right } of this.owner.inSight(mediaSize.width)) {
        context.globalAlpha = band.missing ? 0.07 : band.isLater ? 0.1 : 0.16;
        context.fillStyle = c[band.part];
        context.fillRect(left, 0, right - left, mediaSize.height);
        context.globalAlpha = 1;
        if (labelled) context.fillRect(left, 0, right - left, 3);
      }
      if (mark !== null) markCandle(context, scale.logicalToCoordinate(mark), mediaSize.height, c);
    });
  }
}

// Before the candles, on plates: neither a candle nor a line of the grid cuts through a label.
class LabelRenderer {
  constructor(owner) {
    this.owner = owner;
  }

  draw(target) {
    if (!this.owner.scale) return;
    const c = colours();
    const top = document.getElementById("legend").offsetHeight + BELOW_LEGEND;
    target.useMediaCoordinateSpace(({ context, mediaSize: { width } }) => {
      if (width < ROOMY) return;
      context.font = "600 11px system-ui, sans-serif";
      context.textBaseline = "top";
      const measure = (text) => context.measureText(text).width;
      for (const { band, text, x, length } of placeLabels(this.owner.inSight(width), measure, width)) {
        context.globalAlpha = 0.85;
        context.fillStyle = c.surface;
        context.fillRect(x - PLATE, top - PLATE, length + 2 * PLATE, 11 + 2 * PLATE);
        context.globalAlpha = 1;
        context.fillStyle = c[band.part];
        context.fillText(text, x, top);
      }
    });
  }
}

// Each label in whole, from its band's left end on: its text where the band has room for it, else the part's name, which
// may reach beyond a narrow band but not over the label before it or out of the chart.
export function placeLabels(bands, measure, width) {
  const labels = [];
  let free = 0;
  for (const { band, left, right } of bands) {
    const text = measure(band.text) < right - left - 2 * GAP ? band.text : PARTS[band.part];
    const length = measure(text);
    const x = Math.max(free, Math.min(left + GAP, width - length - GAP));
    if (x + length > width) continue;
    labels.push({ band, text, x, length });
    free = x + length + 2 * GAP;
  }
  return labels;
}

const halfABar = (scale) => (scale.logicalToCoordinate(1) - scale.logicalToCoordinate(0)) / 2;

function markCandle(context, x, height, c) {
  context.setLineDash([3, 3]);
  context.strokeStyle = c.text;
  context.beginPath();
  context.moveTo(Math.round(x) + 0.5, 0);
  context.lineTo(Math.round(x) + 0.5, height);
  context.stroke();
  context.setLineDash([]);
}

// A primitive of lightweight-charts; one for each pane.
export class Bands {
  constructor({ labelled }) {
    this.labelled = labelled;
    this.bands = [];
    this.mark = null;
    this.scale = null;
    const renderers = { bottom: new BandRenderer(this), ...(labelled && { top: new LabelRenderer(this) }) };
    this.views = Object.entries(renderers).map(([place, drawn]) => ({ zOrder: () => place, renderer: () => drawn }));
  }

  attached({ chart, requestUpdate }) {
    this.scale = chart.timeScale();
    this.requestUpdate = requestUpdate;
  }

  detached() {
    this.scale = null;
  }

  paneViews() {
    return this.views;
  }

  // Those of which something is in a chart so wide, with the pixels where that begins and ends.
  inSight(width) {
    const half = halfABar(this.scale);
    const ends = this.bands.map((band) => ({
      band,
      left: Math.max(0, this.scale.logicalToCoordinate(band.from) - half),
      right: Math.min(width, this.scale.logicalToCoordinate(band.to) + half),
    }));
    return ends.filter(({ left, right }) => right > left);
  }

  // bands: [{part, from, to, text, missing, isLater}] in positions of bars; mark: the position of the chosen candle, or null.
  show(bands, mark) {
    this.bands = bands;
    this.mark = mark;
    this.requestUpdate?.();
  }
}
