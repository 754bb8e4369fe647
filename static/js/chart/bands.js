// What a click would use, painted behind the candles: training, validation, test. Bands may reach out of sight.
import { colours } from "./candles.js";
import { PARTS } from "./format.js";

const LABEL_TOP = 34; // pixels, below the legend
const ROOMY = 600; // in a narrower chart the legend needs the labels' place

class Renderer {
  constructor(owner) {
    this.owner = owner;
  }

  draw(target) {
    const { scale, bands, mark, labelled } = this.owner;
    if (!scale) return;
    const c = colours();
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      const half = halfABar(scale);
      for (const band of bands) {
        const left = Math.max(0, scale.logicalToCoordinate(band.from) - half);
        const right = Math.min(mediaSize.width, scale.logicalToCoordinate(band.to) + half);
        if (right <= left) continue;
        context.globalAlpha = band.missing ? 0.07 : 0.16;
        context.fillStyle = c[band.part];
        context.fillRect(left, 0, right - left, mediaSize.height);
        context.globalAlpha = 1;
        if (labelled) this.#label(context, band, left, right, c, mediaSize.width >= ROOMY);
      }
      if (mark !== null) markCandle(context, scale.logicalToCoordinate(mark), mediaSize.height, c);
    });
  }

  #label(context, band, left, right, c, roomy) {
    context.fillStyle = c[band.part];
    context.fillRect(left, 0, right - left, 3);
    context.font = "600 11px system-ui, sans-serif";
    const text = [band.text, PARTS[band.part], ""].find((one) => context.measureText(one).width < right - left - 8);
    context.textBaseline = "top";
    if (roomy && text) context.fillText(text, left + 4, LABEL_TOP);
  }
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
    const renderer = new Renderer(this);
    this.views = [{ zOrder: () => "bottom", renderer: () => renderer }];
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

  // bands: [{part, from, to, text, missing}] in positions of bars; mark: the position of the chosen candle, or null.
  show(bands, mark) {
    this.bands = bands;
    this.mark = mark;
    this.requestUpdate?.();
  }
}
