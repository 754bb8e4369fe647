"""The verification of a universe run or a walk: trained again from what is stored. PROTOCOL §5."""

from training.recipes.universe.about import UniverseAboutRecipe

RECIPE = UniverseAboutRecipe(
    kind="universe_verify",
    label="Verification",
    verb="verify",
    execute="training.recipes.universe_verify.execute.execute",
    as_json="training.recipes.universe_verify.as_json.universe_verifications_json",
    answer="training.recipes.universe_verify.schema.UniverseVerificationRun",
)
