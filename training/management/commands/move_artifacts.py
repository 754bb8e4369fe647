"""`manage.py move_artifacts`: the files of models copied to another place, on disk or on S3."""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.files.storage import storages
from django.core.management.base import CommandError

from boursomatic.shared import commands
from boursomatic.shared.stores import storage_settings
from training.artifacts.storage import ArtifactStorage, artifact_storage

WAIT_S = 120.0  # for a store that is away


class Command(commands.JsonCommand):
    help = (
        "Copies the files of models, walks and uploads from where BOURSOMATIC_ARTIFACTS says to a folder or to S3. "
        "What is there already is not copied again, and nothing is removed: copy while the site works, stop it, copy "
        "the rest, set BOURSOMATIC_ARTIFACTS to the new place on every host, and start."
    )

    def options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", required=True, metavar="s3://BUCKET/PREFIX|DIR", help="where to")

    def work(self, **options: Any) -> commands.CommandResult:
        source, target = artifact_storage(), _storage(options["to"])
        if source.name_of("") == target.name_of(""):
            raise CommandError("--to is where the files are already. Name another place.")
        began, answer = time.monotonic(), {"files": 0, "copied": 0, "bytes": 0}
        try:
            target.check()
            with source.patience(WAIT_S), target.patience(WAIT_S):
                for path in source.paths():
                    _copy(source, target, path, answer)
        except OSError as problem:
            raise CommandError(
                f"{answer['copied']} files were copied, then: {problem} The site goes on with those of before."
            ) from None
        places = {"from": source.name_of(""), "to": target.name_of("")}
        lines = [
            f"{answer['copied']:,} of {answer['files']:,} files copied, {answer['bytes'] / 1e6:,.1f} MB; the others "
            f"were there already. From {places['from']} to {places['to']}.",
            "Stop web and workers, do this once more, set BOURSOMATIC_ARTIFACTS to the new place, start them; "
            "verify_artifacts then reads every file. What lies in the old place is yours to remove.",
        ]
        return commands.CommandResult({**places, **answer, "seconds": round(time.monotonic() - began, 3)}, lines)


def _storage(place: str) -> ArtifactStorage:
    try:
        storage = storages.create_storage(storage_settings(place, settings.HOME))
    except ValueError as error:
        raise CommandError(f"--to {error}") from None
    assert isinstance(storage, ArtifactStorage)
    return storage


def _copy(source: ArtifactStorage, target: ArtifactStorage, path: str, answer: dict[str, int]) -> None:
    try:
        with source.open(path) as file:
            content: bytes = file.read()
    except FileNotFoundError:  # its run was deleted meanwhile
        return
    answer["files"] += 1
    if target.put(path, content):
        answer["copied"] += 1
        answer["bytes"] += len(content)
