// What a person chose for all charts, kept in this browser: indicators, favourites.
const PREFIX = "boursomatic-chart-";

export function chosen(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name)) ?? otherwise;
  } catch {
    return otherwise; // storage is switched off, or holds what is not ours
  }
}

export function choose(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // The choice lasts as long as the page.
  }
}
