// The dialog over the chart. Each of its states is an entry of the history: back returns to the one before it.
import "../form.js";
import { addressWith } from "./state.js";

export class Dialog {
  constructor(element, body, { onClose }) {
    Object.assign(this, { element, body, onClose });
    element.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.close();
    });
    element.addEventListener("close", () => this.close());
    element.addEventListener("click", (event) => {
      if (event.target === element || event.target.closest("[data-close]")) this.close();
    });
    body.addEventListener("htmx:afterSettle", (event) => this.#follow(event.detail.requestConfig.verb));
  }

  // `content` is the address of what it shows, `shown` that of the browser's bar while it does.
  open(content, shown) {
    history.pushState({ dialog: this.#depth + 1, content }, "", shown);
    this.show(content);
  }

  show(content) {
    if (!this.element.open) this.element.showModal();
    htmx.ajax("GET", content, { target: this.body, swap: "innerHTML" });
  }

  close() {
    if (this.#depth) history.go(-this.#depth); // popstate does the rest
    else {
      history.replaceState(null, "", addressWith({ candle: null }));
      this.hide();
    }
  }

  hide() {
    this.body.replaceChildren(); // a poll stops with its element
    if (this.element.open) this.element.close();
    this.onClose();
  }

  // A run that was started gets its own address: a reload shows its page, a second tab the same. Only what was sent
  // starts one: the last answer of a poll may come after the person has gone back.
  #follow(verb) {
    const run = this.body.querySelector("[data-url]");
    if (verb !== "post" || !run || location.pathname === run.dataset.url) return;
    history.pushState({ dialog: this.#depth + 1, content: `${run.dataset.url}?in=dialog` }, "", run.dataset.url);
  }

  get #depth() {
    return history.state?.dialog ?? 0;
  }
}
