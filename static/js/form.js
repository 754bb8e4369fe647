// Sliders and number fields that follow each other, and words in labels that follow a field. Delegated, so that a form that arrives later works too.
document.addEventListener("input", ({ target, currentTarget: page }) => {
  if (target.matches("input[data-slides]")) {
    const field = page.getElementById(target.dataset.slides);
    field.value = target.value;
  } else if (target.type === "number") {
    const slider = page.querySelector(`input[data-slides="${target.id}"]`);
    if (slider && target.value !== "") slider.value = target.value;
  }
  for (const word of page.querySelectorAll(`[data-follows="${target.id}"]`)) word.textContent = target.value;
});
