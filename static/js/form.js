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

// With the protocol "steady", or logistic regression, some numbers can't be chosen: shown as they are, or not used. What was
// there before comes back with another choice.
function fix(form) {
  const isSteady = form.elements.protocol.value === "steady";
  const isFixed = isSteady || form.elements.model.value === "logistic";
  for (const field of form.querySelectorAll("input[data-steady]")) {
    if (isFixed && !field.readOnly) field.dataset.own = field.value;
    if (isFixed || field.readOnly) field.value = isSteady ? field.dataset.steady : field.dataset.own;
    field.readOnly = isFixed;
    const slider = form.querySelector(`input[data-slides="${field.id}"]`);
    slider.value = field.value;
    slider.disabled = isFixed;
  }
}

// A set of features ticks its groups, and who ticks by hand has a set of his own.
function tick(form) {
  const select = form.elements.feature_set;
  const set = select.value || JSON.parse(select.dataset.own)[form.elements.protocol.value];
  if (set === "chosen") return;
  for (const box of form.querySelectorAll("input[name=features]")) box.checked = box.dataset.sets.split(" ").includes(set);
}
document.addEventListener("change", ({ target }) => {
  const { feature_set: set, decision } = target.form?.elements ?? {};
  if (!decision) return;
  const nextOpen = target.form.querySelector("input[name=features][value=raw_o_next]");
  if (target === decision) nextOpen.checked = decision.value === "next_open"; // it goes with the decision at that open
  if (target === decision || target.name === "features") set.value = "chosen";
  if (target.matches("select[name=feature_set], select[name=protocol]")) tick(target.form);
  decision.value = nextOpen.checked ? "next_open" : "close";
});

document.addEventListener("change", ({ target }) => {
  if (target.matches("select[name=protocol], select[name=model]") && target.form.querySelector("input[data-steady]")) fix(target.form);
});
document.addEventListener("reset", ({ target }) => {
  if (target.querySelector("input[data-steady]")) setTimeout(() => fix(target)); // once the fields have their first values
});
