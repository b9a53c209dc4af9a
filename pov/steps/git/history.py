"""What Git and its reviews tell of one service in one stage: which version, who asked, who approved, when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pov.engines.git import ConfigRepo
from pov.steps.context import Context
from pov.steps.git import repository
from pov.steps.git.overlay import images_of
from pov.steps.git.server import connect


@dataclass(frozen=True)
class Recorded:
    """One change as Git keeps it. `approved_by` is empty where the server knows of no approval, which is an answer."""

    who: str
    what: str
    when: datetime
    approved_by: tuple[str, ...]
    revision: str


def history(ctx: Context, stage: str, service: str, since: datetime) -> tuple[Recorded, ...]:
    """Every commit on the stage's branch since then that gave the service another image, oldest first."""
    path = f"stages/{stage}/kustomization.yaml"
    repo = repository.working_copy(ctx, repository.branch_of(stage))
    gitea = connect(ctx)
    merged = gitea.merged(repository.FULL_NAME)
    found = []
    for commit in repo.log(path, since):
        image = _image(repo, commit.id, path, service)
        if image == _image(repo, f"{commit.id}^", path, service):
            continue
        pull = merged.get(commit.id)
        who = pull.author if pull else commit.author
        approvers = gitea.approvers(repository.FULL_NAME, pull.number) if pull else ()
        found.append(Recorded(who, image, commit.when, approvers, commit.id))
    return tuple(found)


def _image(repo: ConfigRepo, revision: str, path: str, service: str) -> str:
    text = repo.text_at(revision, path)
    return images_of(text).get(service, "") if text is not None else ""
