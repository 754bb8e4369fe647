"""The noise control of a universe run or a walk: walked once more on the returns of others. PROTOCOL §5.3."""

from training.recipes.universe.about import UniverseAboutRecipe

RECIPE = UniverseAboutRecipe(
    kind="universe_control",
    label="Noise control",
    verb="control",
    execute="training.recipes.universe_control.execute.execute",
    as_json="training.recipes.universe_control.as_json.universe_controls_json",
    answer="training.recipes.universe_control.schema.UniverseControlRun",
)
