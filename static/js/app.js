import { make } from "./dom.js";

// What every page shares: toasts, a poll that survives a dead server, one click one submit.
const TOAST_MS = 7000;
const RETRY_MS = 1000;
const OPEN_MENU = ".rail-account[open], .columns-menu[open]";

function dismiss(toast) {
  toast?.remove();
}

export function toast(text, level = "info") {
  const close = make("button", { type: "button", className: "btn-close", ariaLabel: "Close", dataset: { dismiss: "" } });
  const body = make("div", { className: "toast-body" }, make("span", {}, text), close);
  const role = level === "error" ? "alert" : "status";
  const box = make("div", { className: "toast show", role, dataset: { toast: level } }, body);
  document.getElementById("toasts").append(box);
  if (level !== "error") setTimeout(() => dismiss(box), TOAST_MS);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-dismiss]");
  if (button) dismiss(button.closest(".toast"));
  for (const menu of document.querySelectorAll(OPEN_MENU)) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll(OPEN_MENU)) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
for (const shown of document.querySelectorAll(".toast:not([data-toast=error])")) {
  setTimeout(() => dismiss(shown), TOAST_MS);
}

// Forms that ask first, and forms that were sent already.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const question = event.submitter?.dataset.confirm ?? form.dataset.confirm;
  if (question && !confirm(question)) {
    event.preventDefault();
    return;
  }
  if (form.dataset.sent) event.preventDefault();
  else if (form.method === "post" && !form.hasAttribute("hx-post")) form.dataset.sent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// A polling fragment that got no answer says so and asks again until the server is back.
function reconnect(event) {
  const element = event.detail.elt;
  if (!element.hasAttribute("data-poll")) {
    toast("The server did not answer. Try again in a moment.", "error");
    return;
  }
  const status = event.detail.xhr?.status ?? 0;
  if (status >= 400 && status < 500) {
    toast("This can't be shown any more: it was deleted, or you may not see it now.", "error");
    return;
  }
  element.classList.add("is-offline");
  setTimeout(() => element.isConnected && htmx.trigger(element, "poll"), RETRY_MS);
}
for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(name, reconnect);
}

// A swap takes the focused element away, and a button that was disabled meanwhile has lost the focus already. htmx brings
// it back to one of the same id; else it goes to what has the same words in the new part, and where there is none, to the
// new part's heading: the keyboard goes on from there, and not from the top of the page.
let focused = null;
let swapped = null;
const wordsOf = (element) => element.ariaLabel || element.textContent.trim();
document.addEventListener("focusin", ({ target }) => (focused = target));
document.addEventListener("focusout", ({ target }) => {
  if (target.isConnected && !target.disabled) focused = null;
});
document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
  swapped = focused && target?.contains(focused) ? { tag: focused.tagName, words: wordsOf(focused) } : null;
});
document.addEventListener("htmx:afterSettle", ({ detail: { elt } }) => {
  if (!swapped || document.activeElement !== document.body || !elt.isConnected) return;
  const same = [...elt.querySelectorAll(swapped.tag)].find((one) => wordsOf(one) === swapped.words && !one.disabled);
  const next = same ?? elt.querySelector("h1, h2, h3") ?? elt;
  if (next.tabIndex < 0) next.tabIndex = -1; // headings take the focus only when told so
  next.focus({ preventScroll: true });
});

// What was opened below a row closes again, and the keyboard is back at the button that opened it.
document.addEventListener("click", ({ target }) => {
  const closer = target.closest("[data-empties]");
  if (!closer) return;
  const box = document.getElementById(closer.dataset.empties);
  box.replaceChildren();
  document.querySelector(`[hx-target="#${box.id}"]`)?.focus();
});

// What is shown once is copied by a click; where the browser has no clipboard for us it is selected, to be copied by hand.
document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copies]");
  if (!button) return;
  const box = document.getElementById(button.dataset.copies);
  box.select();
  try {
    await navigator.clipboard.writeText(box.value);
    toast("Copied.");
  } catch {
    toast("Press Ctrl C to copy what is selected.");
  }
});

// What is wider than its place can be scrolled by the arrow keys.
function reachable() {
  for (const box of document.querySelectorAll(".scroll-x, pre")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}
reachable();
addEventListener("resize", reachable);
document.addEventListener("htmx:afterSettle", reachable);

// The tab's title says how far a run is.
function showTitle(root) {
  const named = root.querySelector?.("[data-title]") ?? null;
  if (named) document.title = named.dataset.title;
}
showTitle(document);
document.addEventListener("htmx:afterSettle", (event) => showTitle(event.detail.elt.parentElement ?? document));
