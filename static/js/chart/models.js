// The models that are loaded on the chart: what they say, asked of the server and asked again when bars have come.
import { indexAt } from "./bars.js";
import { modelColour } from "./candles.js";
import { Kept, Unanswered } from "./kept.js";
import { Layer } from "./layer.js";
import { Panel } from "./panel.js";
import * as state from "./state.js";

const SETTLE_MS = 200;
const DEFAULT_THRESHOLD = 0.5;

export class Models {
  constructor({ library, candles, panel, series, onChange }) {
    Object.assign(this, { candles, series, onChange });
    this.layer = new Layer(library, candles);
    this.kept = new Map();
    this.found = [];
    this.turn = 0;
    this.panel = new Panel(panel, {
      onModels: (models) => this.#ask({ models: models.join(",") || null, threshold: null, panel: "1" }),
      onThreshold: (threshold) => this.#slide(threshold),
      onHits: (hits) => this.#ask({ hits: hits ? "1" : null }),
      onOpen: (open) => this.#ask({ panel: open ? "1" : null }),
    });
  }

  // Brings layer and panel to what the address says. An answer that comes after a later wish is dropped.
  async apply(onShown = () => {}) {
    const asked = state.read();
    const turn = ++this.turn;
    this.panel.set({ open: asked.panel || asked.models.length > 0, series: this.series(), models: asked.models });
    const { found, problems } = await this.#load(asked.models);
    if (turn !== this.turn) return;
    this.found = found;
    this.threshold = asked.threshold ?? found[0]?.own_threshold ?? DEFAULT_THRESHOLD;
    this.hits = asked.hits;
    this.#show(problems);
    onShown();
    this.layer.hideBands(asked.train);
    await this.#earn(turn);
  }

  // New bars or another model of the team: what is loaded is asked again.
  async refresh() {
    await Promise.all([...this.kept.values()].map((one) => one.ask().catch(() => false)));
    await this.apply();
  }

  // Seconds of the first model's first and last test candle, or null.
  testWindow() {
    const { epoch, sample, samples } = this.found[0] ?? {};
    const test = samples?.indexOf("test");
    const first = epoch ? sample.indexOf(test) : -1;
    return first < 0 ? null : { from: epoch[first], to: epoch[sample.lastIndexOf(test)] };
  }

  // [label, value, colour] of what the loaded models said at a candle, and whether the next one rose.
  at(epoch) {
    return this.found.flatMap((columns, i) => {
      const row = indexAt(columns, epoch);
      if (columns.epoch[row] !== epoch) return [];
      const p = columns.probability[row];
      const label = i === 0 ? "P(up)" : `P(up) of model ${i + 1}`;
      const said = [[label, `${(100 * p).toFixed(1)} %`, modelColour(i)]];
      if (i > 0) return said;
      const outcome = { 1: "rose", 0: "did not rise" }[columns.up[row]] ?? "not known";
      return [...said, ["predicted", p >= this.threshold ? "up" : "not up"], [columns.decision === "next_open" ? "next candle from its open" : "next candle", outcome]];
    });
  }

  #ask(changes) {
    state.push(changes);
    this.apply();
  }

  #slide(threshold) {
    this.threshold = threshold;
    state.replace({ threshold: String(threshold) });
    this.#show();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#earn(this.turn), SETTLE_MS);
  }

  #show(problems = this.problems) {
    this.problems = problems;
    this.layer.show(this.found, { threshold: this.threshold, hits: this.hits });
    this.onChange();
    this.panel.show(this.found, { threshold: this.threshold, hits: this.hits, problems, ...this.series() });
  }

  async #load(models) {
    const { symbol } = this.series();
    const found = [];
    const problems = [];
    await Promise.all(
      models.map(async (run, place) => {
        const url = `${this.panel.columnsOf(run)}?${new URLSearchParams({ symbol })}`;
        if (!this.kept.has(url)) this.kept.set(url, new Kept(url));
        const one = this.kept.get(url);
        try {
          if (!one.body) await one.ask();
          found[place] = one.body;
        } catch (error) {
          problems.push(error instanceof Unanswered ? error.message : "The server did not answer. Try again in a moment.");
        }
      }),
    );
    for (const url of this.kept.keys()) if (!models.some((run) => url.includes(`/${run}/`))) this.kept.delete(url);
    return { found: found.filter(Boolean), problems };
  }

  // What following the first model would have earned; the server alone computes it.
  async #earn(turn) {
    const first = this.found[0];
    let earned = null;
    if (first) {
      const query = new URLSearchParams({ symbol: first.symbol, threshold: String(this.threshold) });
      const one = new Kept(`${this.panel.performanceOf(first.run_id)}?${query}`);
      await one.ask().catch(() => false);
      earned = one.body;
      if (turn !== this.turn || query.get("threshold") !== String(this.threshold)) return;
    }
    this.layer.showEquity(earned);
    this.panel.showEarned(earned);
    requestAnimationFrame(this.onChange); // once the panes have their heights
  }
}
