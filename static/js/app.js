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
  if (form.dataset.confirm && !confirm(form.dataset.confirm)) {
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

// The tab's title says how far a run is.
function showTitle(root) {
  const named = root.querySelector?.("[data-title]") ?? null;
  if (named) document.title = named.dataset.title;
}
showTitle(document);
document.addEventListener("htmx:afterSettle", (event) => showTitle(event.detail.elt.parentElement ?? document));
