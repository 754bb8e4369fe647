// Keys on the chart's page: what they switch, where they lead, what they begin to type.
const WORD_MS = 1000; // between the letters of a symbol that is being typed
const LETTER = /^[\p{L}\d^]$/u;

export class Keys {
  // withAlt: by the key's place, because on a Mac letters with Alt are other signs. switches: by letter, each undone by
  // being done again. onKey(event) says whether it knew the key.
  constructor({ withAlt, switches, onKey, onType }) {
    Object.assign(this, { withAlt, switches, onKey, onType });
    this.switched = null; // by the last key, and when
    document.addEventListener("keydown", (event) => {
      if (hears(event) && this.#answers(event)) event.preventDefault();
    });
  }

  #answers(event) {
    if (!event.altKey) return this.onKey(event) || this.#letter(event);
    this.withAlt[event.code]?.();
    return event.code in this.withAlt;
  }

  // A letter switches something, or begins a symbol. One that switched and is followed by another did begin a symbol:
  // what it had switched is switched back.
  #letter({ key, timeStamp }) {
    const begun = this.switched && timeStamp - this.switched.at < WORD_MS ? this.switched.key : "";
    this.switched = null;
    if (!LETTER.test(key)) return false;
    if (begun) this.switches[begun]();
    if (begun || !this.switches[key]) this.onType(begun + key);
    else {
      this.switches[key]();
      this.switched = { key, at: timeStamp };
    }
    return true;
  }
}

// Fields, open menus and dialogs have keys of their own; Escape in a menu has closed it.
function hears({ key, target, altKey, ctrlKey, metaKey }) {
  if (ctrlKey || metaKey || document.querySelector("dialog[open]")) return false;
  if (key === "Escape" && target.closest("details")) return false;
  return altKey || !target.closest("input, select, textarea, details[open]");
}
