// Runs before the first paint, so that a dark page never flashes white. A classic script: modules come too late.
(() => {
  const KEY = "boursomatic-theme";
  const root = document.documentElement;
  const preferred = matchMedia("(prefers-color-scheme: dark)");
  let choice = null;
  try {
    choice = localStorage.getItem(KEY);
  } catch {
    // Storage is switched off: the choice lasts as long as the page.
  }

  const apply = () => {
    root.dataset.bsTheme = choice ?? (preferred.matches ? "dark" : "light");
    document.dispatchEvent(new Event("themechange"));
  };

  apply();
  preferred.addEventListener("change", apply);
  addEventListener("storage", (event) => {
    if (event.key !== KEY) return;
    choice = event.newValue;
    apply();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    choice = root.dataset.bsTheme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // As above.
    }
    apply();
  });
})();
