import { make } from "./dom.js";

// A crosshair on the server's line charts, by pointer or by arrow keys: the step and each line's value there, read back
// from the lines' own points.
const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
const SVG = "http://www.w3.org/2000/svg";
let current = null; // the box with the crosshair, and its step

function values(box, place) {
  const { low, high, margin, places, unit } = box.dataset;
  const { width, height } = box.viewBox.baseVal;
  const step = width / (box.dataset.steps.split("|").length - 1);
  const x = place * step;
  const inner = height - 2 * margin;
  return [...box.querySelectorAll("polyline")].reverse().flatMap((line) => {
    const point = [...line.points].find((one) => Math.abs(one.x - x) < step / 2);
    if (!point) return [];
    const value = Number(low) + ((height - margin - point.y) / inner) * (high - low);
    return [`${line.dataset.name} ${value.toFixed(places)}${unit}`];
  });
}

function show(box, place) {
  const steps = box.dataset.steps.split("|");
  place = Math.max(0, Math.min(steps.length - 1, place));
  if (current?.box !== box) hide();
  const figure = box.closest(".plot");
  const line = box.querySelector(".plot-cross") ?? box.appendChild(document.createElementNS(SVG, "line"));
  const read = figure.querySelector(".plot-read") ?? figure.appendChild(make("output", { className: "plot-read figures" }));
  const x = (place * box.viewBox.baseVal.width) / (steps.length - 1);
  line.setAttribute("class", "plot-cross");
  for (const [name, value] of Object.entries({ x1: x, x2: x, y1: 0, y2: box.viewBox.baseVal.height })) line.setAttribute(name, value);
  read.textContent = [steps[place], ...values(box, place)].join(" · ");
  const [frame, area] = [box.getBoundingClientRect(), figure.getBoundingClientRect()];
  const left = frame.left - area.left + (place / (steps.length - 1)) * frame.width;
  read.style.top = `${frame.top - area.top + 4}px`;
  read.style.left = `${Math.max(0, Math.min(area.width - read.offsetWidth, left + (left > area.width / 2 ? -read.offsetWidth - 8 : 8)))}px`;
  current = { box, place };
}

function hide() {
  current?.box.querySelector(".plot-cross")?.remove();
  current?.box.closest(".plot")?.querySelector(".plot-read")?.remove();
  current = null;
}

function point(event) {
  const box = event.target.closest?.(".plot-box");
  if (!box) return current && current.box !== document.activeElement && hide();
  const frame = box.getBoundingClientRect();
  const last = box.dataset.steps.split("|").length - 1;
  show(box, Math.round(((event.clientX - frame.left) / frame.width) * last));
}
document.addEventListener("pointermove", point);
document.addEventListener("pointerdown", point);
document.addEventListener("focusout", (event) => event.target.matches?.(".plot-box") && hide());
document.addEventListener("keydown", (event) => {
  const box = event.target.closest?.(".plot-box");
  if (!box || !(event.key in STEPS)) return;
  event.preventDefault();
  const last = box.dataset.steps.split("|").length - 1;
  show(box, (current?.box === box ? current.place : STEPS[event.key] < 0 ? last + 1 : -1) + STEPS[event.key]);
});
