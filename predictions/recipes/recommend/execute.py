"""Recommendations made for a universe's last session."""

from instruments.universes import UnknownUniverse
from predictions.recipes.spec import UniverseJobSpec
from predictions.recommendations.make import NotAdvisable, active_models, challenger_of, recommendations_make
from training.errors import RunRefused
from training.models import ModelVersion, Reason
from training.recipes.base import Completed, Work


def execute(work: Work) -> Completed:
    """By each active model and its challenger. Raises RunRefused where nothing can be recommended."""
    assert isinstance(work.spec, UniverseJobSpec)
    champions = active_models(work.spec.universe)
    if not champions:
        raise RunRefused(Reason.BAD_DATA, f"No model of the universe {work.spec.universe} is active.")
    sentences = []
    for number, champion in enumerate(champions):
        work.progress.stage("recommend", number / len(champions), champion.version)
        try:
            sentences.append(_recommend(champion))
        except (NotAdvisable, UnknownUniverse) as error:
            raise RunRefused(Reason.BAD_DATA, str(error)) from error
        if challenger := challenger_of(champion):
            try:
                sentences.append(f"challenger {_recommend(challenger)}")
            except NotAdvisable:
                sentences.append(f"challenger {challenger.version}: not before the next session")
    return Completed(result={"sentence": "; ".join(sentences)})


def _recommend(model: ModelVersion) -> str:
    made, is_new = recommendations_make(model=model, as_of=None)
    return f"{model.version}: {made.as_of}{'' if is_new else ', as before'}"
