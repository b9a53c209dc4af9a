"""Ports to what delivers: the configuration repository, its reviews, Argo CD and the cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from pov.engines.workplace import Workplace


class Configuration(Protocol):
    """A working copy of the configuration repository, at the newest commit, for one stage."""

    def head(self) -> str:
        """The commit it stands at."""
        ...

    def images(self) -> Mapping[str, str]:
        """Image references by service."""
        ...

    def set_images(self, images: Mapping[str, str]) -> None:
        """Edit, without a commit."""
        ...

    def generation(self) -> int:
        """The certificates' generation."""
        ...

    def set_generation(self, generation: int) -> None:
        """Edit, without a commit."""
        ...

    def add_service(self, name: str, stages: Sequence[str]) -> None:
        """Write a new service's files and have stages run it, without a commit."""
        ...

    def remove_service(self, name: str, stages: Sequence[str]) -> bool:
        """Take all of it away, without a commit; whether there was anything."""
        ...

    def ask_for_namespace(self, name: str, asked: Mapping[str, float]) -> None:
        """Write what a namespace beside the stages is to have, without a commit."""
        ...

    def drop_namespace(self, name: str) -> bool:
        """Take that away, without a commit; whether there was anything."""
        ...

    def revert(self, revision: str) -> None:
        """Take a commit back, without a commit."""
        ...

    def commit(self, message: str) -> str:
        """Commit what was edited; returns the revision."""
        ...

    def push(self) -> None:
        """Send it to the server."""
        ...

    def workplace(self, by: str) -> Workplace:
        """A shell in it for a person, whose `git` reaches the server."""
        ...

    def push_as(self, branch: str) -> None:
        """Send it to the server as a branch of its own, which no stage follows."""
        ...

    def of(self, stage: str) -> Configuration:
        """The same working copy, for another stage."""
        ...

    def close(self) -> None:
        """Remove the working copy."""
        ...


class Reviewed(Protocol):
    """A pull request that was merged, as the server keeps it."""

    @property
    def number(self) -> int:
        """Its number."""
        ...

    @property
    def revision(self) -> str:
        """The merge commit."""
        ...

    @property
    def author(self) -> str:
        """Who asked for it."""
        ...

    @property
    def approvers(self) -> tuple[str, ...]:
        """Who approved it."""
        ...

    @property
    def took(self) -> Mapping[str, float]:
        """Seconds by part: `asked`, `approved`, `merged`, as far as the server's interface goes."""
        ...


class Standing(Protocol):
    """A pull request that two persons work on, as it is now."""

    @property
    def number(self) -> int:
        """Its number."""
        ...

    @property
    def author(self) -> str:
        """The account that asked for it."""
        ...

    @property
    def head(self) -> str:
        """Its newest commit."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether it is neither merged nor closed."""
        ...

    @property
    def merged(self) -> str:
        """The merge commit; empty for none."""
        ...

    @property
    def sent_back(self) -> bool:
        """Whether somebody asked for changes of its newest commit."""
        ...

    @property
    def said(self) -> str:
        """The newest answer in words; empty for none."""
        ...

    @property
    def approvers(self) -> tuple[str, ...]:
        """The accounts whose approval stood when it was merged."""
        ...


class Desks(Protocol):
    """Where two persons sit: one asks for a change of staging by a pull request, one reviews it."""

    def make_ready(self) -> None:
        """Accounts and rights of both as they have to be, and no pull request open from before."""
        ...

    def author(self, by: str) -> Workplace:
        """A shell for who asks, who may read the repository and nothing else."""
        ...

    def reviewer(self, by: str) -> Workplace:
        """A shell for who reviews what is handed over."""
        ...

    def hand_over(self, number: int) -> None:
        """From now on the reviewer answers this pull request."""
        ...

    def newest(self) -> Standing | None:
        """The author's newest open pull request; None without one."""
        ...

    def standing(self, number: int) -> Standing:
        """How one stands now."""
        ...

    def close_open(self) -> None:
        """Close what the author has open, unmerged."""
        ...


class Recorded(Protocol):
    """A change of one service as Git keeps it."""

    @property
    def who(self) -> str:
        """Who asked for it."""
        ...

    @property
    def what(self) -> str:
        """The image that it asks for."""
        ...

    @property
    def when(self) -> datetime:
        """When it came to the stage's branch."""
        ...

    @property
    def approved_by(self) -> tuple[str, ...]:
        """Who approved it; empty if nobody did."""
        ...

    @property
    def revision(self) -> str:
        """The commit."""
        ...


class Git(Protocol):
    """The Git server."""

    def history(self, stage: str, service: str, since: datetime) -> Sequence[Recorded]:
        """What was changed of a service in a stage since then, oldest first."""
        ...

    def head(self, stage: str) -> str:
        """The commit on the server that a stage follows."""
        ...

    def review(self, stage: str, title: str, branch: str = "") -> Reviewed:
        """Bring `branch` (main if none is given) to the branch that a stage follows, by pull request and approval."""
        ...

    def desks(self) -> Desks:
        """Where persons sit who ask for changes and review them."""
        ...

    def forget(self, branch: str) -> None:
        """Delete a branch."""
        ...

    def configuration(self, stage: str) -> Configuration:
        """A fresh working copy for a stage."""
        ...

    def webhook(self, on: bool) -> None:
        """Whether it tells of pushes."""
        ...


class Accounts(Protocol):
    """Who may have certificates: service accounts by name, in each stage."""

    def admit(self, name: str) -> None:
        """One more in every stage, beside those that the scenario asks for."""
        ...

    def withdraw(self) -> None:
        """Those that the scenario asks for, and no other."""
        ...


class InEffect(Protocol):
    """A commit that was brought to the cluster."""

    @property
    def revision(self) -> str:
        """The commit."""
        ...

    @property
    def when(self) -> datetime:
        """Since when everything that it asks for is applied (whole seconds)."""
        ...


class Delivered(Protocol):
    """How far the delivery of one stage has come."""

    def missing(self, revision: str) -> str:
        """What is not done yet of a revision, in words; empty when it is synced and healthy."""
        ...

    def sync_started(self, revision: str) -> datetime | None:
        """When the sync of a revision began (whole seconds); None if it does not say."""
        ...

    def out_of_sync(self, kind: str) -> frozenset[str]:
        """Names of the objects of a kind that are not what their commit says."""
        ...

    @property
    def deployed(self) -> Sequence[InEffect]:
        """The newest commits that were applied as a whole, oldest first."""
        ...

    def objects(self) -> frozenset[tuple[str, str]]:
        """Every object in the stage's namespace that its commit asks for, as `group/version/Kind` and name."""
        ...

    def repaired_itself(self) -> datetime | None:
        """When the last sync that nobody asked for began (whole seconds); None if the last one was asked for."""
        ...


class Delivery(Protocol):
    """What brings commits to the cluster."""

    def state(self, stage: str) -> Delivered:
        """How far a stage is. It is looked at, never told to look."""
        ...

    def kill(self) -> None:
        """Kill what brings commits to the cluster, at once, as a crash would."""
        ...

    def lacking(self) -> str:
        """Why it is not there again after it was killed; empty when it is."""
        ...


class Cluster(Protocol):
    """The cluster, as far as trials need it."""

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """One object."""
        ...

    def list(self, kind: str, namespace: str | None = None, *, labels: str = "") -> list[dict[str, Any]]:
        """Objects by label."""
        ...

    def patch(
        self, kind: str, name: str, namespace: str | None, patch: Mapping[str, Any], *, manager: str = "pov"
    ) -> dict[str, Any]:
        """Merge `patch` into one object, as `manager`; returns it as it was written."""
        ...

    def delete(self, kind: str, name: str, namespace: str | None = None, *, wait_s: float = 0) -> bool:
        """Delete one object."""
        ...

    def can_i_dry_run(
        self, manifest: Mapping[str, Any], *, as_user: str, as_groups: Sequence[str] = ()
    ) -> tuple[bool, str, tuple[str, ...]]:
        """Whether somebody may make an object, what the cluster said, and its warnings; nothing is made."""
        ...

    def exec(self, pod: str, namespace: str, argv: Sequence[str], *, stdin: bytes | None = None) -> str:
        """Run a command in a pod."""
        ...
