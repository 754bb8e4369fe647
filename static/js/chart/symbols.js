// Which instrument the chart is of: Ctrl-K's palette with instruments alone, favourites and recent ones before a letter
// is typed. Another instrument is another page: the server knows its timeframes.
import { choose, chosen } from "./choices.js";
import { addressWith } from "./state.js";

const MOST_RECENT = 10;

export class Symbols {
  constructor({ button, star, symbol }) {
    Object.assign(this, { star, symbol });
    choose("recent", [symbol, ...chosen("recent", []).filter((one) => one !== symbol)].slice(0, MOST_RECENT));
    button.addEventListener("click", () => this.open());
    star.addEventListener("click", () => this.#turnStar());
    this.#showStar();
  }

  open(text = "") {
    const words = { label: "Instrument", placeholder: "Symbol or name …", text };
    const detail = { ...words, groups: (found, typed) => (typed.trim() ? this.#found(found) : this.#own()) };
    document.dispatchEvent(new CustomEvent("palette", { detail }));
  }

  #own() {
    const favourites = chosen("favourites", []);
    const recent = chosen("recent", []).filter((symbol) => symbol !== this.symbol && !favourites.includes(symbol));
    const groups = { Favourites: favourites, Recent: recent };
    const places = (symbols) => symbols.map((label) => ({ label, note: "", address: this.#address(label) }));
    return Object.entries(groups)
      .map(([label, symbols]) => ({ label, places: places(symbols) }))
      .filter((group) => group.places.length);
  }

  #found(groups) {
    const instruments = groups.filter((group) => group.label === "Instruments");
    return instruments.map(({ label, places }) => ({
      label,
      places: places.map((place) => ({ ...place, address: this.#address(place.label) })),
    }));
  }

  #address(symbol) {
    return addressWith({ symbol, from: null, to: null, candle: null });
  }

  #turnStar() {
    const others = chosen("favourites", []).filter((one) => one !== this.symbol);
    choose("favourites", this.#isFavourite() ? others : [...others, this.symbol].sort());
    this.#showStar();
  }

  #showStar() {
    this.star.setAttribute("aria-pressed", String(this.#isFavourite()));
    this.star.textContent = this.#isFavourite() ? "★" : "☆";
  }

  #isFavourite() {
    return chosen("favourites", []).includes(this.symbol);
  }
}
