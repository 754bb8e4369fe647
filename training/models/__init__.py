"""All tables of training, a file a family: `from training.models import TrainingRun`."""

from training.models.annotations import Description, RunTag
from training.models.meta import MetaLook, MetaPair, MetaState
from training.models.registry import Activation, ModelVersion, ModelVersionQuerySet, StoreMarker
from training.models.runs import IdempotencyKey, RunEvent, RunPositions, TrainingRun, TrainingRunQuerySet
from training.models.search import Searched, StudyTrial
from training.models.states import ACTIVE, TERMINAL, Priority, Reason, Status, TrialState
from training.models.sweeps import SweepCell
from training.models.trials import RETRAINING, Trial, TrialLock
from training.models.workers import DeployedRelease, WorkerHost, WorkerProcess

# fmt: off
__all__ = [
    "ACTIVE", "RETRAINING", "TERMINAL", "Activation", "DeployedRelease", "Description", "IdempotencyKey",
    "MetaLook", "MetaPair", "MetaState", "ModelVersion", "ModelVersionQuerySet", "Priority", "Reason", "RunEvent",
    "RunPositions", "RunTag", "Searched", "Status", "StoreMarker", "StudyTrial", "SweepCell", "TrainingRun",
    "TrainingRunQuerySet", "Trial", "TrialLock", "TrialState", "WorkerHost", "WorkerProcess",
]
# fmt: on
