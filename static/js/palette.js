// Ctrl-K: a palette of places to go to. "?": the list of keys. Both are dialogs, so that Escape closes them. A page may
// open the palette for its own choice: an event "palette" says of what, with which text, and which groups are shown.
import { make } from "./dom.js";

const WAIT_MS = 120;
const dialog = document.getElementById("palette");
const keys = document.getElementById("keys");
const input = dialog.querySelector("input");
const list = dialog.querySelector("[role=listbox]");
const status = dialog.querySelector("[role=status]");
const PLACES = { label: dialog.ariaLabel, placeholder: input.placeholder, text: "", groups: (found) => found };
let purpose = PLACES;
let chosen = 0;
let timer = 0;
let asking = null;
let shownFor = null; // the text that the list answers
let isEntered = false; // Enter was pressed before the answer came: it then goes to the first place

const options = () => [...list.querySelectorAll("[role=option]")];

function choose(index) {
  const all = options();
  chosen = all.length ? (index + all.length) % all.length : 0;
  for (const [number, option] of all.entries()) option.setAttribute("aria-selected", String(number === chosen));
  if (all.length) input.setAttribute("aria-activedescendant", all[chosen].id);
  else input.removeAttribute("aria-activedescendant");
  all[chosen]?.scrollIntoView({ block: "nearest" });
}

function show(groups, text) {
  shownFor = text;
  let number = 0;
  list.replaceChildren(
    ...groups.map(({ label, places }) => {
      const links = places.map((place) => {
        const link = make("a", { id: `place-${number++}`, href: place.address, role: "option", tabIndex: -1 }, make("span", {}, place.label));
        if (place.note) link.append(make("span", { className: "muted" }, place.note));
        return link;
      });
      const group = make("div", { role: "group", ariaLabel: label }, make("div", { className: "palette-kind", ariaHidden: "true" }, label), ...links);
      return group;
    }),
  );
  const hint = text.trim() ? "Nothing has this in its name." : "Type a part of the name.";
  status.textContent = number ? "" : hint;
  choose(0);
  if (isEntered) enter();
}

function enter() {
  isEntered = shownFor !== input.value;
  if (!isEntered) options()[chosen]?.click();
}

async function ask() {
  asking?.abort();
  asking = new AbortController();
  const text = input.value;
  try {
    const address = `${dialog.dataset.places}?${new URLSearchParams({ text })}`;
    const answer = await fetch(address, { signal: asking.signal, headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    show(purpose.groups((await answer.json()).groups, text), text);
  } catch (error) {
    if (error.name !== "AbortError") status.textContent = "The server did not answer. Type on to try again.";
  }
}

function open(wanted = PLACES) {
  if (document.querySelector("dialog[open]")) return;
  purpose = wanted;
  dialog.ariaLabel = purpose.label;
  Object.assign(input, { placeholder: purpose.placeholder, value: purpose.text });
  isEntered = false;
  list.replaceChildren();
  shownFor = null;
  dialog.showModal();
  ask();
}

input.addEventListener("input", () => {
  isEntered = false;
  clearTimeout(timer);
  timer = setTimeout(ask, WAIT_MS);
});

dialog.addEventListener("keydown", (event) => {
  event.stopPropagation(); // the chart listens to single keys too
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    choose(chosen + step);
  } else if (event.key === "Enter") {
    event.preventDefault();
    enter();
  }
});
for (const each of [dialog, keys]) {
  each.addEventListener("click", (event) => event.target === each && each.close());
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input:not([type=checkbox]), select, textarea, [contenteditable]");
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
    event.preventDefault();
    open();
  } else if (event.key === "?" && !event.ctrlKey && !event.metaKey && !isTyping && !document.querySelector("dialog[open]")) {
    keys.showModal();
  }
});
document.addEventListener("palette", (event) => open(event.detail));
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-open-palette]")) open();
  else if (event.target.closest("[data-open-keys]")) keys.showModal();
});
