// What models of universes recommended on the instrument that is shown, and what came of it: marks and the legend.
import { indexAt } from "./bars.js";
import { colours } from "./candles.js";
import { choose, chosen } from "./choices.js";
import { Kept } from "./kept.js";

const MOST_PAGES = 10; // of 200 recommendations
const OUTCOMES = { true: "hit", false: "miss", null: "pending" };

export class Recommendations {
  constructor({ candles, layer, box, address, series, onChange }) {
    Object.assign(this, { candles, layer, box, address, series, onChange });
    this.rows = [];
    this.turn = 0;
    box.checked = chosen("recommendations", true);
    box.addEventListener("change", () => {
      choose("recommendations", box.checked);
      this.apply();
    });
  }

  // Of daily bars only: that is what they are about. What is asked again has new outcomes.
  async apply() {
    const turn = ++this.turn;
    const { symbol, timeframe } = this.series();
    const rows = this.box.checked && timeframe === "1d" ? await this.#load(symbol).catch(() => []) : [];
    if (turn !== this.turn) return;
    this.rows = rows.map((row) => ({ ...row, epoch: this.#epoch(row.as_of) })).filter(({ epoch }) => epoch !== undefined);
    this.paint();
    this.onChange();
  }

  // One mark for a day and what was said, whichever models said it. HOLD stands in the legend alone.
  paint() {
    const c = colours();
    const marks = new Map();
    for (const { epoch, label, hit } of this.rows) {
      if (!label || label === "HOLD") continue;
      const color = label === "BUY" ? c.up : c.down;
      marks.set(`${epoch} ${label}`, { time: epoch, label, color, outcome: OUTCOMES[hit] });
    }
    this.layer.showRecommendations([...marks.values()]);
  }

  // [label, value, colour] of what was recommended at a bar's close.
  at(epoch) {
    const rows = this.rows.filter((row) => row.epoch === epoch && row.label);
    return rows.flatMap(({ label, p_buy, universe, horizon, realised_return, hit, replay }) => {
      const came = realised_return === null ? "" : ` ${(100 * realised_return).toFixed(1)} % in ${horizon} bars,`;
      return [
        [replay ? "Replayed" : "Recommended", label],
        ["P(BUY)", `${(100 * p_buy).toFixed(1)} %`],
        [`universe ${universe}:`, `${came} ${OUTCOMES[hit]}`],
      ];
    });
  }

  async #load(symbol) {
    const rows = [];
    let query = `?${new URLSearchParams({ symbol, limit: 200 })}`;
    for (let page = 0; query && page < MOST_PAGES; page++) {
      const kept = new Kept(this.address + query);
      await kept.ask();
      rows.push(...kept.body);
      query = kept.next && new URL(kept.next).search;
    }
    return rows;
  }

  // The last bar of the session or before it.
  #epoch(day) {
    const { bars } = this.candles;
    const seconds = Date.parse(day) / 1000;
    const index = indexAt(bars, seconds);
    return bars.epoch[bars.epoch[index] === seconds ? index : index - 1];
  }
}
