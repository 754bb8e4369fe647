// Train mode: the candle under the pointer, or chosen by the arrow keys, shows what a click on it would use.
import { Bands } from "./bands.js";
import { indexAt } from "./bars.js";
import * as format from "./format.js";
import { Gather } from "./gather.js";
import { describe, Preview } from "./preview.js";

const FINGER = 24; // pixels around a candle that a second tap may miss it by
const STALE = "This bar is stale: it only carries the price before it forward and is no candle. Choose another.";

export class TrainMode {
  constructor({ candles, frame, button, banner, output, series, onChoose, onPoint, onSwitch }) {
    Object.assign(this, { candles, frame, button, banner, output, series, onChoose, onPoint, onSwitch });
    this.on = false;
    this.index = null;
    this.tapped = null;
    this.bands = [new Bands({ labelled: true }), new Bands({ labelled: false })];
    candles.price.attachPrimitive(this.bands[0]);
    candles.volume.attachPrimitive(this.bands[1]);
    this.gather = new Gather({ candles, frame, form: banner.querySelector("form"), series, isOn: () => this.on });
    this.preview = new Preview(frame.dataset.preview, (answer) => this.#show(answer));
    button.addEventListener("click", () => this.onSwitch(!this.on));
    candles.chart.subscribeCrosshairMove((param) => {
      if (this.on && param.point && param.logical !== undefined) this.choose(param.logical);
    });
    frame.addEventListener("pointerdown", ({ pointerType }) => (this.isTouch = pointerType === "touch"), { capture: true });
    candles.chart.subscribeClick((param) => {
      if (!this.on || param.logical === undefined || param.sourceEvent?.shiftKey) return;
      if (this.isTouch) return this.#tap(param);
      this.choose(param.logical);
      if (this.index !== null) this.onChoose(this.index);
    });
    candles.chart.subscribeDblClick((param) => {
      if (this.on && this.isTouch && param.logical !== undefined) this.#tap(param); // two quick taps are no two clicks
    });
  }

  set(on) {
    this.on = on;
    this.button.setAttribute("aria-pressed", String(on));
    this.button.querySelector("span").textContent = `Train Mode: ${on ? "ON" : "OFF"}`;
    this.frame.classList.toggle("is-training", on);
    this.banner.hidden = !on;
    if (on) this.frame.focus({ preventScroll: true });
    else {
      this.clear();
      this.gather.clear();
    }
  }

  clear() {
    this.index = this.tapped = null;
    this.preview.drop();
    this.output.replaceChildren();
    for (const band of this.bands) band.show([], null);
  }

  choose(logical) {
    const last = this.candles.bars.epoch.length - 1;
    const index = Math.min(last, Math.max(0, Math.round(logical)));
    if (this.candles.isStale(index)) {
      this.clear();
      this.output.replaceChildren(...describe({ problem: STALE }));
      return;
    }
    if (index === this.index) return;
    this.index = index;
    this.onPoint(index);
    for (const band of this.bands) band.show(band.bands, index);
    const { symbol, timeframe } = this.series();
    this.preview.ask({ symbol, timeframe, candle: format.utc(this.candles.bars.epoch[index]) });
  }

  // A finger has no place without a tap: the first shows what a second one at the same candle would use.
  #tap({ logical, point }) {
    const isSecond = this.tapped !== null && Math.abs(this.candles.x(this.tapped) - point.x) < FINGER;
    this.choose(isSecond ? this.tapped : logical);
    this.tapped = this.index;
    if (isSecond) this.onChoose(this.index);
  }

  // What the form in the dialog would use, once one of its fields has changed.
  follow(form) {
    if (!this.on || this.index === null || form?.id !== "train-form") return;
    const query = new URLSearchParams(new FormData(form));
    query.set("candle", query.get("candle_date"));
    query.delete("csrfmiddlewaretoken");
    this.preview.ask(query);
  }

  // The keyboard's way: arrows move, Enter opens.
  key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (steps) {
      const seen = this.candles.visible();
      const from = this.index ?? Math.round((seen.from + seen.to) / 2);
      let target = from + steps * (event.shiftKey ? 10 : 1);
      while (this.candles.isStale(target)) target += Math.sign(steps);
      this.choose(target);
      if (this.index === null) return true; // only stale bars are left on that side
      this.candles.reveal(this.index);
      this.candles.point(this.index);
    } else if (event.key === "Enter" && event.shiftKey && this.index !== null) {
      this.gather.toggle(this.index);
    } else if (event.key === "Enter" && this.index !== null) {
      this.onChoose(this.index);
    } else {
      return false;
    }
    return true;
  }

  #show(answer) {
    if (!this.on || this.index === null) return;
    this.output.replaceChildren(...describe(answer, this.series().timeframe));
    const shown = bandsOf(answer, this.candles.bars, this.index);
    for (const band of this.bands) band.show(shown, this.index);
  }
}

// The validation rows, and the gap before them, are the last of the training rows: the training band ends where these begin.
function bandsOf(answer, bars, index) {
  const { train, validation, test } = answer.parts ?? {};
  const bands = [];
  const bandOf = (part, found) => ({ part, from: indexAt(bars, found.first), to: indexAt(bars, found.last) });
  const add = (part, found) => bands.push({ ...bandOf(part, found), text: words(part, found) });
  if (train?.rows) add("train", train);
  for (const gap of answer.gaps ?? []) add("gap", gap);
  if (validation?.rows) add("validation", validation);
  if (test?.rows) add("test", test);
  (answer.later_windows ?? []).forEach((window, i) =>
    bands.push({ ...bandOf("test", window), text: `Window ${i + 2}`, isLater: true }));
  if (train?.rows) bands[0].to = Math.min(bands[0].to, ...bands.slice(1).map((band) => band.from - 1));
  if (answer.missing_after) {
    const asked = answer.rows_after;
    const text = `Test: only ${asked - answer.missing_after} of ${asked} candles`;
    bands.push({ part: "test", from: index, to: index + asked - 1, text, missing: true });
  }
  return bands.sort((one, other) => one.from - other.from);
}

const words = (part, { rows, up }) =>
  `${format.PARTS[part]} ${format.count(rows)} rows · ${format.percent(up, rows)} up`;
