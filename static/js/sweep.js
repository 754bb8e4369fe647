// The map of a sweep: one tab stop, arrows from cell to cell, a cell's figures below, greys as they come.
const cells = () => [...document.querySelectorAll(".sweep-map .cell")];
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
let current = 0;

function numberOf(cell) {
  return Number(cell.getAttribute("href").split("/").pop());
}

function settle() {
  const all = cells();
  current = Math.min(current, all.length - 1);
  all.forEach((cell, place) => (cell.tabIndex = place === current ? 0 : -1));
}

function moveTo(cell) {
  const all = cells();
  all[current].tabIndex = -1;
  current = all.indexOf(cell);
  cell.tabIndex = 0;
}

// What is worked out while the page is looked at: a letter for each cell.
function paint() {
  const marks = document.getElementById("sweep-progress")?.dataset.marks;
  if (!marks) return;
  for (const cell of cells()) {
    const mark = `c${marks[numberOf(cell)]}`;
    if (!cell.classList.contains(mark)) cell.className = cell.className.replace(/\bc[A-Z]\b|\bc[xnw]\b/, mark);
  }
}

document.addEventListener("keydown", (event) => {
  const cell = event.target.closest?.(".sweep-map .cell");
  const step = STEPS[event.key];
  if (!cell || !step) return;
  event.preventDefault();
  const row = cell.closest("tr");
  const rows = [...row.parentElement.rows];
  const column = [...row.cells].indexOf(cell.parentElement) + step[1];
  const next = rows[rows.indexOf(row) + step[0]]?.cells[column]?.querySelector(".cell");
  next?.focus();
});

document.addEventListener("focusin", ({ target }) => {
  if (target.matches(".sweep-map .cell")) moveTo(target);
});

document.addEventListener("click", (event) => {
  const cell = event.target.closest(".sweep-map .cell");
  if (!cell || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  for (const other of document.querySelectorAll(".cell[aria-current]")) other.removeAttribute("aria-current");
  if (cell.classList.contains("cw")) return;
  cell.setAttribute("aria-current", "true");
  htmx.ajax("GET", cell.getAttribute("href"), { target: "#sweep-cell", swap: "innerHTML" });
});

settle();
document.addEventListener("htmx:afterSettle", ({ detail: { elt } }) => {
  if (elt.id === "run-live") settle();
  paint();
});
