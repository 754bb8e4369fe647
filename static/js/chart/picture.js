// The chart as it is shown, legend included, as a PNG.
import { colours } from "./candles.js";

const LINE = 17; // pixels
const LEFT = 8;
const GAP = 12;
const KEY = 14; // a line's colour and the room beside it

export function savePicture({ chart, legend, attribution, name }) {
  const canvas = chart.takeScreenshot(true);
  const context = canvas.getContext("2d");
  context.scale(devicePixelRatio, devicePixelRatio);
  context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  context.textBaseline = "top";
  [...legend.children].forEach((line, i) => drawLine(context, line, LEFT + i * LINE));
  context.fillStyle = colours().text;
  context.fillText(attribution.textContent, LEFT, canvas.height / devicePixelRatio - 3 * LINE);
  canvas.toBlob((blob) => {
    const href = URL.createObjectURL(blob);
    Object.assign(document.createElement("a"), { href, download: name }).click();
    URL.revokeObjectURL(href);
  });
}

// What stands in the legend, each value behind its line's colour.
function drawLine(context, line, top) {
  let left = LEFT;
  for (const part of line.children) {
    const key = part.querySelector(".legend-key");
    if (key) {
      context.fillStyle = key.style.background;
      context.fillRect(left, top + 6, KEY - 4, 2);
      left += KEY;
    }
    const text = part.textContent + ({ up: " ▲", down: " ▼" }[part.className] ?? ""); // which the style adds on the page
    context.fillStyle = getComputedStyle(part).color;
    context.fillText(text, left, top);
    left += context.measureText(text).width + GAP;
  }
}
