// The chart page: puts the parts together and follows the address.
import { make } from "../dom.js";
import { indexAt, load, refresh } from "./bars.js";
import { Candles } from "./candles.js";
import { Dialog } from "./dialog.js";
import * as format from "./format.js";
import { Indicators } from "./indicators.js";
import { Unanswered } from "./kept.js";
import { Keys } from "./keys.js";
import { Legend } from "./legend.js";
import { Models } from "./models.js";
import { Moves } from "./moves.js";
import { savePicture } from "./picture.js";
import { Recommendations } from "./recommendations.js";
import { Ribbon } from "./ribbon.js";
import * as state from "./state.js";
import { Symbols } from "./symbols.js";
import { TrainMode } from "./train.js";

const BEFORE_TEST = 300; // bars
const MONTHS = { "1m": 1, "6m": 6, "1y": 12, "5y": 60 };
const SETTLE_MS = 250;
const REFRESH_MS = 15_000;

const frame = document.getElementById("chart");
const note = document.getElementById("chart-note");
const tools = document.querySelector(".chart-tools");
const current = { symbol: frame.dataset.symbol, timeframe: frame.dataset.timeframe, price: "adjusted" };
let candles;
let legend;
let indicators;
let models;
let moves;
let recommendations;
let ribbon;
let symbols;
let pointed = null; // the bar under the crosshair
let train = null;
let dialog = null;
let latest = 0;

function say(text) {
  note.textContent = text;
  note.hidden = !text;
}

function showLegend() {
  const { bars } = candles;
  if (!bars) return;
  const last = bars.epoch.length - 1;
  const index = pointed === null ? last : Math.min(last, Math.max(0, pointed));
  legend.show(bars, index, current, [
    indicators.at(index, bars.epoch[index]),
    models.at(bars.epoch[index]),
    recommendations.at(bars.epoch[index]),
  ]);
  candles.leaveRoom(legend.element.offsetHeight);
}

// The legend's bar, where the library tells nobody that the crosshair was moved.
function pointAt(index) {
  pointed = index;
  showLegend();
}

function press(attribute, value) {
  for (const button of tools.querySelectorAll(`[data-${attribute}]`)) {
    button.setAttribute("aria-pressed", String(button.dataset[attribute] === value));
  }
}

function showRange(name) {
  const { epoch } = candles.bars;
  const last = epoch.length - 1;
  let from = 0;
  if (MONTHS[name]) {
    const start = new Date(epoch[last] * 1000);
    start.setUTCMonth(start.getUTCMonth() - MONTHS[name]);
    from = indexAt(candles.bars, start / 1000);
  }
  candles.showIndexes(from, last);
  press("range", name);
}

// The test window of the first model, with what came before it; of a model without one the newest bars.
function showTestWindow() {
  const window = models.testWindow() ?? { from: Infinity, to: Infinity };
  const last = candles.bars.epoch.length - 1;
  const from = Math.min(last, indexAt(candles.bars, window.from));
  candles.showIndexes(Math.max(0, from - BEFORE_TEST), Math.min(last, indexAt(candles.bars, window.to)));
  press("range", "test");
}

// Brings the chart to what the address says. An answer that comes after a later wish is dropped.
async function apply() {
  const asked = state.read();
  const turn = ++latest;
  const changed = {
    timeframe: asked.timeframe ?? frame.dataset.timeframe,
    price: asked.price,
  };
  if (!candles.bars || Object.keys(changed).some((name) => changed[name] !== current[name])) {
    say("Loading bars …");
    Object.assign(current, changed);
    tools.elements.timeframe.value = current.timeframe;
    let bars;
    try {
      bars = await load(frame.dataset.bars, current);
    } catch (error) {
      if (turn === latest) say(error instanceof Unanswered ? error.message : "The bars did not arrive. Reload the page.");
      return;
    }
    if (turn !== latest) return;
    train?.clear();
    train?.gather.clear();
    candles.show(bars, current.timeframe);
    indicators.apply();
    recommendations.apply();
    say("");
  }
  press("price", current.price);
  press("scale", asked.scale);
  candles.setScale(asked.scale);
  if (asked.span) {
    candles.showIndexes(indexAt(candles.bars, asked.span.from), indexAt(candles.bars, asked.span.to));
    press("range", "");
  } else if (asked.range === "test") {
    showTestWindow();
  } else {
    showRange(asked.range);
  }
  showLegend();
  document.title = `${current.symbol} ${current.timeframe} · Boursomatic`;
  if (train && train.on !== asked.train) train.set(asked.train);
  ribbon.apply(asked.sweep);
  await models.apply(() => asked.range === "test" && !asked.span && showTestWindow());
}

// New bars, other models: looked for while someone looks.
async function lookForNews() {
  if (document.hidden || !candles.bars) return;
  const turn = latest;
  const bars = await refresh(frame.dataset.bars, current).catch(() => null);
  if (turn !== latest) return;
  if (bars) {
    const seen = candles.visible();
    const atEnd = seen.to === candles.bars.epoch.length - 1;
    const added = bars.epoch.length - candles.bars.epoch.length;
    candles.show(bars, current.timeframe);
    if (atEnd) candles.showIndexes(seen.from + added, seen.to + added);
    indicators.apply();
    recommendations.apply();
    showLegend();
  }
  await models.refresh();
}

function wireTools() {
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.addEventListener("change", ({ target }) => {
    if (!target.name) return; // of the menu of indicators
    state.push({ timeframe: target.value, from: null, to: null });
    apply();
  });
  tools.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.range) state.push({ range: button.dataset.range, from: null, to: null });
    else if (button.dataset.price) state.push({ price: button.dataset.price });
    else if (button.id === "picture") return takePicture();
    else if (button.dataset.scale) state.push({ scale: state.read().scale === "log" ? null : "log" });
    else return;
    apply();
  });
}

function rememberSpan(from, to) {
  const { epoch } = candles.bars;
  state.replace({ from: epoch[from], to: epoch[to], range: null });
  press("range", "");
}

function takePicture() {
  if (!candles.bars) return;
  const { epoch } = candles.bars;
  const newest = format.day(epoch[candles.visible().to], current.timeframe).replace(/[ :]/g, "-");
  const [element, attribution] = ["#legend", ".chart-attribution"].map((selector) => frame.querySelector(selector));
  savePicture({
    chart: candles.chart,
    legend: element,
    attribution,
    name: `${current.symbol.replace("/", "-")}-${current.timeframe}-${newest}.png`,
  });
}

// A person who drags or zooms changes the address too, once the chart has come to rest.
function rememberMoves() {
  let moved = false;
  let timer = 0;
  for (const name of ["pointerdown", "wheel", "touchstart"]) {
    frame.addEventListener(name, () => (moved = true), { passive: true, capture: true });
  }
  candles.chart.timeScale().subscribeVisibleLogicalRangeChange(() => {
    if (!moved || !candles.bars) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const seen = candles.visible();
      if (!seen || dialog?.element.open) return;
      rememberSpan(seen.from, seen.to);
      moved = false;
    }, SETTLE_MS);
  });
}

function formAddress(candle) {
  const query = new URLSearchParams({ symbol: current.symbol, timeframe: current.timeframe, candle });
  return `${frame.dataset.dialog}?${query}`;
}

function openForm(index) {
  const candle = format.utc(candles.bars.epoch[index]);
  dialog.open(formAddress(candle), state.addressWith({ ...current, train: "1", candle }));
}

function switchTrainMode(on) {
  state.replace({ train: on ? "1" : null });
  train.set(on);
  models.layer.hideBands(on);
}

function wireTraining() {
  const button = document.getElementById("train-button");
  if (!button) return;
  train = new TrainMode({
    candles,
    frame,
    button,
    banner: document.getElementById("train-banner"),
    output: document.getElementById("train-preview"),
    series: () => current,
    onChoose: openForm,
    onPoint: pointAt,
    onSwitch: switchTrainMode,
  });
  document.addEventListener("change", ({ target }) => train.follow(target.form)); // after form.js, which fits fields together
  dialog = new Dialog(document.getElementById("train-dialog"), document.getElementById("dialog-body"), {
    onClose: () => (document.title = `${current.symbol} ${current.timeframe} · Boursomatic`),
  });
}

function onKey(event) {
  if (!candles.bars) return false;
  if (!event.target.closest(".chart-panel") && moves.key(event)) return true;
  if (!train?.on) return false;
  if (event.key !== "Escape") return !event.target.closest("a, button") && train.key(event);
  switchTrainMode(false);
  return true;
}

function wireKeys() {
  const byId = (id) => document.getElementById(id);
  new Keys({
    withAlt: {
      KeyG: () => byId("go-to").select(),
      KeyL: () => tools.querySelector("[data-scale]").click(),
      KeyS: () => byId("picture").click(),
    },
    switches: {
      p: () => byId("panel-button").click(),
      ...(train && { t: () => switchTrainMode(!train.on) }),
    },
    onKey,
    onType: (text) => symbols.open(text),
  });
}

function follow() {
  if (history.state?.content) {
    dialog?.show(history.state.content);
    return;
  }
  if (dialog?.element.open) dialog.hide();
  apply();
}

async function start() {
  let library;
  try {
    library = await import(frame.dataset.library);
  } catch {
    frame.hidden = true;
    const why = make("p", { className: "alert alert-info" }, "The chart's program is missing on the server (npm ci brings it). Here are the last bars:");
    document.getElementById("chart-fallback").append(why, document.getElementById("last-bars").content.cloneNode(true));
    return;
  }
  candles = new Candles(library, frame);
  legend = new Legend(document.getElementById("legend"));
  indicators = new Indicators({
    library,
    candles,
    menu: document.getElementById("indicators"),
    address: frame.dataset.indicators,
    series: () => current,
    onChange: showLegend,
  });
  const panel = document.getElementById("panel");
  models = new Models({ library, candles, panel, series: () => current, onChange: showLegend });
  recommendations = new Recommendations({
    candles,
    layer: models.layer,
    box: document.getElementById("recommended"),
    address: frame.dataset.recommendations,
    series: () => current,
    onChange: showLegend,
  });
  ribbon = new Ribbon({ candles, address: frame.dataset.sweeps, series: () => current });
  symbols = new Symbols({
    button: document.getElementById("symbol-button"),
    star: document.getElementById("star"),
    symbol: current.symbol,
  });
  moves = new Moves({
    candles,
    field: document.getElementById("go-to"),
    onMove: rememberSpan,
    onPoint: (index) => {
      candles.point(index);
      pointAt(index);
    },
  });
  wireTools();
  wireTraining();
  rememberMoves();
  candles.chart.subscribeCrosshairMove((param) => {
    pointed = param.logical === undefined ? null : Math.round(param.logical);
    showLegend();
  });
  wireKeys();
  document.addEventListener("themechange", () => {
    candles.paint();
    indicators.paint();
    recommendations.paint();
    showLegend();
    models.apply();
  });
  setInterval(lookForNews, REFRESH_MS);
  document.addEventListener("visibilitychange", lookForNews);
  addEventListener("popstate", follow);
  await apply();
  if (history.state?.content) dialog?.show(history.state.content);
  else if (dialog && state.read().candle) dialog.show(formAddress(state.read().candle));
}

start();
