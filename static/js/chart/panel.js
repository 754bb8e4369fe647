// The panel of live predictions: which models are loaded, the threshold, the newest prediction in words, and counts.
import { make } from "../dom.js";
import { modelColour } from "./candles.js";
import * as format from "./format.js";
import { Kept } from "./kept.js";
import { MOST_MODELS } from "./state.js";

const TRADES = {
  close: "bought at the next open while it predicts up",
  next_open: "bought at the next open, where it predicts up, and sold at the same candle's close",
};
const PARTS = ["train", "validation", "test", "after"];
const GROUPS = { active: "Active", recent: "Recent", others: "Trained on other instruments" };
const percent = (share) => `${(100 * share).toFixed(0)} %`;
const fine = (share) => `${Number((100 * share).toFixed(1))} %`;

export class Panel {
  constructor(element, { onModels, onThreshold, onHits, onOpen }) {
    this.element = element;
    this.part = (name) => element.querySelector(`[data-part="${name}"]`);
    this.models = [];
    this.labels = new Map();
    const [choice, slider, field] = ["choice", "slider", "threshold"].map(this.part);
    choice.addEventListener("change", () => {
      if (choice.value) onModels([choice.value, ...this.models.filter((run) => run !== choice.value)].slice(0, MOST_MODELS));
    });
    slider.addEventListener("input", () => onThreshold(Number(slider.value)));
    field.addEventListener("change", () => field.reportValidity() && onThreshold(Number(field.value)));
    this.part("own").addEventListener("click", () => this.own !== undefined && onThreshold(this.own));
    this.part("hits").addEventListener("change", (event) => onHits(event.target.checked));
    this.part("loaded").addEventListener("click", (event) => {
      const run = event.target.closest("button")?.dataset.run;
      if (run) onModels(this.models.filter((one) => one !== run));
    });
    this.button = document.getElementById("panel-button");
    this.button.addEventListener("click", () => onOpen(element.hidden));
  }

  columnsOf(run) {
    return this.element.dataset.columns.replace("{run_id}", encodeURIComponent(run));
  }

  performanceOf(run) {
    return this.element.dataset.performance.replace("{run_id}", encodeURIComponent(run));
  }

  // The button closes the panel only while nothing is loaded: what is drawn is always explained.
  set({ open, series, models }) {
    this.models = models;
    this.element.hidden = !open;
    this.button.setAttribute("aria-pressed", String(open));
    this.button.disabled = models.length > 0;
    if (open) this.#choices(series);
  }

  async #choices({ symbol, timeframe }) {
    const url = `${this.element.dataset.choices}?${new URLSearchParams({ symbol, timeframe })}`;
    if (this.kept?.url !== url) this.kept = new Kept(url);
    await this.kept.ask().catch(() => false);
    if (this.kept.url !== url || !this.kept.body) return;
    const groups = this.kept.body;
    for (const one of Object.values(groups).flat()) this.labels.set(one.run_id, one.label);
    const loaded = this.models.map((run) => ({ run_id: run, label: this.labels.get(run) ?? run }));
    const choice = this.part("choice");
    const first = new Option(loaded.length ? "Load another …" : "Choose a model …", "");
    choice.replaceChildren(first, ...group("Loaded", loaded));
    for (const [name, label] of Object.entries(GROUPS)) {
      choice.append(...group(label, groups[name].filter((one) => !this.models.includes(one.run_id))));
    }
    this.part("none").hidden = Object.values(groups).some((one) => one.length) || loaded.length > 0;
  }

  show(found, { threshold, hits, problems, timeframe }) {
    const first = found[0];
    this.own = first?.own_threshold;
    this.part("slider").value = threshold;
    this.part("threshold").value = threshold;
    this.part("hits").checked = hits;
    for (const name of ["with-model", "judged"]) this.part(name).hidden = !first;
    this.part("own").textContent = first ? `Reset to the trained threshold, ${first.own_threshold.toFixed(2)}` : "";
    this.part("loaded").replaceChildren(...this.models.map((run, i) => this.#line(run, found.findIndex((one) => one.run_id === run), i)));
    const warnings = [...problems, ...new Set(found.map((one) => one.warning).filter(Boolean))];
    this.part("warning").textContent = warnings.join(" ");
    this.part("warning").hidden = !warnings.length;
    if (!first) return;
    this.part("newest").replaceChildren(...newest(first, threshold, timeframe));
    this.part("counts").replaceChildren(...PARTS.map((part) => counts(first, part, threshold)).filter(Boolean));
  }

  #line(run, place, i) {
    const key = make("span", { className: `model-key model-key-${i}` });
    key.style.borderColor = place < 0 ? "" : modelColour(place);
    const href = this.element.dataset.run.replace("RUN", encodeURIComponent(run));
    const ariaLabel = `Take ${run} off the chart`;
    return make(
      "li",
      {},
      key,
      make("a", { href, title: run }, this.labels.get(run) ?? run),
      make("button", { type: "button", className: "btn-close", ariaLabel, dataset: { run } }),
    );
  }

  showEarned(found) {
    const rows = [];
    for (const [name, label] of [["strategy", "Model"], ["buy_and_hold", "Buy and hold"]]) {
      const earned = found?.[name];
      if (!earned) continue;
      const figures = [100 * earned.total_return, 100 * earned.max_drawdown].map((value) => value.toFixed(1));
      rows.push(row(label, [...figures, earned.sharpe === null ? "–" : earned.sharpe.toFixed(2)]));
    }
    this.part("earned").replaceChildren(...rows);
    this.part("earned-since").textContent = rows.length
      ? `From its first test candle, ${found.first.slice(0, 10)}, on: ${TRADES[found.decision]}, after ${found.cost_bp} bp a side.`
      : "No candle after its training has an outcome yet.";
  }
}

function group(label, models) {
  if (!models.length) return [];
  return [make("optgroup", { label }, ...models.map((model) => new Option(model.label, model.run_id)))];
}

// The newest prediction in words, and how often such a probability came true.
function newest({ epoch, probability, out_of_range, calibration, judged, own_threshold, decision }, threshold, timeframe) {
  if (!epoch.length) return [paragraph("No candle of this series has all features the model needs.")];
  const last = epoch.length - 1;
  const p = probability[last];
  const place = p > threshold ? "above" : p < threshold ? "below" : "at";
  const up = p >= threshold;
  const word = make("strong", { className: up ? "up" : "down" }, up ? "up" : "not up");
  const against = threshold === own_threshold ? `this model's threshold of ${fine(threshold)}` : `the threshold of ${fine(threshold)} set here`;
  const time = make("span", { title: format.utc(epoch[last]) }, format.day(epoch[last], timeframe));
  const said = make("p", {}, decision === "next_open" ? "At the open after " : "At the close of ", time, `: P(up) ${fine(p)}, ${place} ${against}: predicted `, word, ".");
  const parts = [said];
  const bin = calibration.find((one) => p >= one.low && p < one.high);
  const [low, high] = bin ? bin.interval.map(percent) : [];
  parts.push(
    paragraph(
      bin
        ? `Of the ${format.count(bin.rows)} candles after its training with a probability of ${bin.low.toFixed(2)} to ${bin.high.toFixed(2)}, ${percent(bin.share)} rose (95 %: ${low} to ${high}); of all ${format.count(judged.rows)}, ${percent(judged.base_rate)}.`
        : "No candle after its training had such a probability yet: its observed frequency is not known.",
    ),
  );
  if (out_of_range[last] > 0) {
    parts.push(paragraph(`${percent(out_of_range[last])} of this candle's features lie outside the range of its training rows.`));
  }
  return parts;
}

function counts({ probability, up, sample, samples }, part, threshold) {
  const code = samples.indexOf(part);
  let [rows, rose, said, right] = [0, 0, 0, 0];
  for (let i = 0; i < sample.length; i++) {
    if (sample[i] !== code || up[i] === null) continue;
    const saysUp = probability[i] >= threshold;
    rows += 1;
    rose += up[i];
    said += saysUp;
    right += saysUp === Boolean(up[i]);
  }
  if (!rows) return null;
  const line = row(part[0].toUpperCase() + part.slice(1), [rows, said].map(format.count).concat([rose, right].map((some) => percent(some / rows))));
  line.querySelector("th").className = `part part-${part}`;
  return line;
}

function row(label, figures) {
  const cells = figures.map((figure) => make("td", { className: "num" }, figure));
  return make("tr", {}, make("th", { scope: "row" }, label), ...cells);
}

const paragraph = (text) => make("p", {}, text);
