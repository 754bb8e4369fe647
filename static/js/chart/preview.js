// What a run at a candle would use, asked of the server: one request at a time, the latest wish wins, answers kept.
import { make } from "../dom.js";
import * as format from "./format.js";


export class Preview {
  constructor(address, onAnswer) {
    this.address = address;
    this.onAnswer = onAnswer;
    this.kept = new Map();
    this.wanted = null;
    this.busy = false;
  }

  ask(query) {
    const url = `${this.address}?${new URLSearchParams(query)}`;
    this.wanted = url;
    if (this.kept.has(url)) this.onAnswer(this.kept.get(url));
    else this.#next();
  }

  drop() {
    this.wanted = null;
  }

  async #next() {
    if (this.busy || !this.wanted || this.kept.has(this.wanted)) return;
    const url = this.wanted;
    this.busy = true;
    const answer = await ask(url);
    this.busy = false;
    if (answer.parts) this.kept.set(url, answer);
    if (this.wanted === url) this.onAnswer(answer);
    else this.#next();
  }
}

async function ask(url) {
  try {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    const body = await answer.json();
    return answer.ok ? body : { problem: Object.values(body).flat()[0] };
  } catch {
    return { problem: "The server did not answer. Move the pointer to ask again." };
  }
}

// The answer in words, one chip for each part.
export function describe(answer, timeframe) {
  const chips = [];
  for (const [part, name] of Object.entries(format.PARTS)) {
    const split = answer.parts?.[part];
    if (!split?.rows) continue;
    const first = format.day(split.first, timeframe);
    const last = format.day(split.last, timeframe);
    const rows = part === "validation" ? `last ${format.count(split.rows)} of these` : `${format.count(split.rows)} rows`;
    const words = ` ${rows} · ${format.percent(split.up, split.rows)} up · ${first} – ${last}`;
    const title = `${format.utc(split.first)} to ${format.utc(split.last)}: ${split.up} up, ${split.down} not`;
    chips.push(make("span", { className: `part part-${part}`, title }, make("strong", {}, name), words));
  }
  if (answer.later_windows?.length) {
    const { first, last } = { first: answer.later_windows[0].first, last: answer.later_windows.at(-1).last };
    const words = ` and ${format.count(answer.later_windows.length)} more windows · ${format.day(first, timeframe)} – ${format.day(last, timeframe)}`;
    chips.push(make("span", { className: "part part-test" }, make("strong", {}, format.PARTS.test), words));
  }
  if (answer.gaps?.length) {
    const where = answer.gaps.length > 1 ? "before validation and before test" : "before test";
    const words = ` ${format.count(answer.gaps[0].rows)} candles ${where}`;
    chips.push(make("span", { className: "part part-gap" }, make("strong", {}, format.PARTS.gap), words));
  }
  if (answer.problem) {
    chips.push(make("span", { className: "part-missing" }, answer.problem));
  } else {
    chips.push(...notes(answer).map(muted));
  }
  return chips;
}

// What else to know of a candle that can be trained.
function notes(answer) {
  const texts = [...(answer.warnings ?? []), ...(answer.before_start ?? [])];
  const stale = Object.values(answer.left_out ?? {}).reduce((sum, period) => sum + period.stale, 0);
  if (stale) texts.unshift(`${format.count(stale)} stale ${stale === 1 ? "bar" : "bars"} left out.`);
  if (answer.limited_by_history) texts.push("The history is shorter than the training period.");
  return texts;
}

function muted(text) {
  const note = document.createElement("span");
  note.className = "muted";
  note.textContent = text;
  return note;
}
