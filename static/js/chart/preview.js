// What a run at a candle would use, asked of the server: one request at a time, the latest wish wins, answers kept.
import * as format from "./format.js";

const NAMES = { train: "Training", validation: "Validation", test: "Test" };

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
  for (const [part, name] of Object.entries(NAMES)) {
    const found = answer.parts?.[part];
    if (!found?.rows) continue;
    const chip = document.createElement("span");
    chip.className = `part part-${part}`;
    const title = document.createElement("strong");
    title.textContent = name;
    const first = format.day(found.first, timeframe);
    const last = format.day(found.last, timeframe);
    const rows = part === "validation" ? `last ${format.count(found.rows)} of these` : `${format.count(found.rows)} rows`;
    chip.append(title, ` ${rows} · ${format.percent(found.up, found.rows)} up · ${first} – ${last}`);
    chip.title = `${format.utc(found.first)} to ${format.utc(found.last)}: ${found.up} up, ${found.down} not`;
    chips.push(chip);
  }
  if (answer.problem) {
    const missing = document.createElement("span");
    missing.className = "part-missing";
    missing.textContent = answer.problem;
    chips.push(missing);
  } else {
    chips.push(...notes(answer).map(muted));
  }
  return chips;
}

// What else to know of a candle that can be trained.
function notes(answer) {
  const texts = [...(answer.warnings ?? [])];
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
