"""The kinds of run that there are: settings.RECIPES, resolved once."""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from training.recipes.base import About, Recipe


@cache
def recipes() -> dict[str, Recipe]:
    """Kind -> recipe, in the order of the settings."""
    found = {kind: import_string(name) for kind, name in settings.RECIPES.items()}
    for kind, recipe in found.items():
        if recipe.kind != kind:
            raise ValueError(f"settings.RECIPES names {recipe.kind} as {kind}")
    return found


def recipe_of(kind: str) -> Recipe:
    """KeyError for a kind that this site doesn't know."""
    return recipes()[kind]


def load_executors() -> None:
    """Imports what trains, for a command that forks children: each child of its own would take a second for it."""
    for recipe in recipes().values():
        import_string(recipe.execute)


def kind_about(verb: str, kind: str) -> str | None:
    """The kind of run that `verb` asks for of a finished run of `kind`; None where that can't be asked of it."""
    abouts = [recipe for recipe in recipes().values() if isinstance(recipe, About)]
    return next((each.kind for each in abouts if each.verb == verb and kind in each.subjects), None)


def label_of(kind: str) -> str:
    """For people; a run of a kind that is known no more shows the kind itself."""
    recipe = recipes().get(kind)
    return recipe.label if recipe else kind


def listed_kinds() -> list[str]:
    """Those on pages that list runs of many kinds."""
    return [kind for kind, recipe in recipes().items() if recipe.is_listed]


def unasked_kinds() -> list[str]:
    """Those that the API lists without being asked for the kind: what programs knew before there were others."""
    return [kind for kind, recipe in recipes().items() if not recipe.only_by_kind]
