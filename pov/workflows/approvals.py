"""Approvals of a deal's scope: asked for, signed, refused, checked. Records are files that are never overwritten."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pov.base.clock import SYSTEM_CLOCK, Clock
from pov.base.errors import CriterionNotMet, InvalidInput, PovError, Problem
from pov.base.files import write_atomic
from pov.base.paths import config_root
from pov.config.references import environment_name
from pov.config.scenario import load_scenario
from pov.engines import signing
from pov.model.events import Emit, Event
from pov.scoping.approvals import (
    LONGEST_DAYS,
    NAMESPACE,
    ROLES,
    Approval,
    Approved,
    Record,
    Subject,
    Verdict,
    about,
    approved,
    commitments,
    digest_of_offering,
    digest_of_scope,
    figures_of,
    judge,
)
from pov.scoping.assessment import Assessment, assess
from pov.scoping.capacity import Commitment
from pov.scoping.gate import unnamed
from pov.steps.gate.names import REGISTER
from pov.workflows.scope import Deal, deal, today

FOLDER = "approvals"
_MOST = 5000
"""Records in a folder: a bound on what a hostile one costs."""
_LARGEST = 64 * 1024


@dataclass(frozen=True)
class Trust:
    """Who may sign, and which keys are revoked. Neither may come from what is under review."""

    signers: Path
    revoked: Path | None = None

    def verify(self, content: bytes, signature: str) -> str:
        """Who signed. Raises `PovError` with the reason if nobody did who may."""
        return signing.verify(
            content, signature, signers=self.signers, namespace=NAMESPACE, revoked=self.revoked
        ).principal


@dataclass(frozen=True)
class DecideOptions:
    """One decision: who signs it with which key, why, for how many days. Without `environment` the scenario's name."""

    folder: Path
    decision: str
    kind: str
    reason: str
    days: int
    key: Path | None = None
    environment: str | None = None
    offering: Path | None = None
    trust: Trust | None = None


@dataclass(frozen=True)
class DecideResult:
    """The files that were written."""

    paths: tuple[Path, ...]
    approval: Approval

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        about_it = {"id": self.approval.id, "kind": self.approval.kind, "decision": self.approval.decision}
        return {"paths": [str(path) for path in self.paths], **about_it}


def run_decide(options: DecideOptions, emit: Emit, *, clock: Clock = SYSTEM_CLOCK) -> DecideResult:
    """Write a request, or sign an approval, a refusal or a mandate.

    Raises `InvalidInput` for what cannot be decided, an approval without a solutions architect among it where one must
    be named; `PovError` if the key cannot sign or its role may not decide this.
    """
    _possible(options)
    found = deal(options.folder, options.offering)
    assessment = assess(found.scope, found.offering, today(clock))
    subject = subject_of(found, options.environment)
    mandate = options.kind == "mandate"
    if options.decision == "approve" and not mandate and (nobody := unnamed(assessment)):
        raise InvalidInput([Problem(str(found.path), one.what, one.fix) for one in nobody])
    now = clock.wall()
    approval = Approval(
        id=secrets.token_hex(16),
        decision=options.decision,
        kind=options.kind,
        subject=Subject(subject.engagement, subject.environment) if mandate else subject,
        figures={} if mandate else figures_of(found.scope),
        reasons=() if mandate else tuple(r.text for r in assessment.reasons if r.needs == options.kind),
        reason=options.reason.strip(),
        issued=now,
        expires=now + timedelta(days=options.days),
    )
    content = approval.as_bytes()
    name = f"{now:%Y%m%dT%H%M%S}-{options.decision}-{options.kind}-{approval.id[:8]}.json"
    signature = None
    if options.decision != "request":
        signature = signing.sign(content, _key(options), namespace=NAMESPACE)
        if options.trust is not None:
            verdict = judge(Record(name, content, signature), options.trust.verify, now)
            if not verdict.counts:
                raise PovError(f"this key does not decide {options.kind}", cause=verdict.why, fix="ask who may")
    path = found.path.parent / FOLDER / name
    paths = [path]
    write_atomic(path, content)
    if signature is not None:
        paths.append(path.with_name(f"{name}.sig"))
        write_atomic(paths[-1], signature)
    keeping = shlex.join(["git", "-C", str(found.path.parent), "add", FOLDER])
    emit(Event("note", "scope", f"keep it in Git: {keeping}"))
    return DecideResult(tuple(paths), approval)


@dataclass(frozen=True)
class CheckOptions:
    """What to check, by whose signatures. `register` holds the approvals of other deals; without it the user's own is
    taken, where there is one.
    """

    folder: Path
    trust: Trust
    mode: str = "advise"
    mandate: Path | None = None
    environment: str | None = None
    offering: Path | None = None
    register: Path | None = None


@dataclass(frozen=True)
class CheckResult:
    """What was found. `refused` holds one line for each approval, and each name, that is missing, in either mode."""

    assessment: Assessment
    approved: Approved
    mode: str
    mandate: Verdict | None
    refused: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {
            "mode": self.mode,
            "mandate": self.mandate.as_json() if self.mandate is not None else None,
            "refused": list(self.refused),
            "not_checked": dict(self.assessment.capacity.not_checked),
            "approvals": self.approved.as_json(),
            "scope": self.assessment.as_json(),
        }

    def raise_if_blocked(self) -> None:
        """Raises `CriterionNotMet` where this mode stops what is not approved."""
        if self.mode == "block" and self.refused:
            named = not unnamed(self.assessment)
            missing = "" if named else "name a solutions architect (scope.architect)"
            fix = "; ".join(filter(None, (missing, "pov scope request, then approve" if self.approved.missing else "")))
            told = "the scope is not approved" if self.approved.missing else "nobody is named who must be"
            raise CriterionNotMet(told, details=self.refused, fix=fix)


def run_check(
    options: CheckOptions,
    emit: Emit,
    *,
    clock: Clock = SYSTEM_CLOCK,
    stages: Mapping[str, Mapping[str, Any]] | None = None,
) -> CheckResult:
    """Assess the scope and check its approvals. Where `stages` are known, capacity counts what they ask for, too.

    Raises `InvalidInput` where `block` has no valid mandate, or signers come from what is under review.
    """
    found = deal(options.folder, options.offering)
    subject = subject_of(found, options.environment)
    apart(options.trust, found.path.parent)
    mandate = _mandate(options, subject, clock)
    now = clock.wall()
    others = commitments_of_others(subject.engagement, None, now, options.register, options.trust)
    assessment = assess(found.scope, found.offering, today(clock), others, stages)
    known = approved(records(found.path.parent / FOLDER), subject, assessment.needs, options.trust.verify, now)
    nobody = (f"{one.what} ({one.fix})" for one in unnamed(assessment))
    refused = (*(known.why_missing(kind) for kind in known.missing), *nobody)
    return CheckResult(assessment, known, options.mode, mandate, refused)


def commitments_of_others(
    own: str, folder: Path | None, now: datetime, register: Path | None = None, trust: Trust | None = None
) -> tuple[Commitment, ...] | None:
    """What other deals than `own` were approved for: by `register`, else the user's own. One rule for all that sums.

    None where nobody can tell: no register, or nobody who may sign. Raises `InvalidInput` where the signers lie in
    `folder`, whose deal is judged.
    """
    place = register or default_register()
    judge_by = trust or Trust(default_signers(), default_revoked())
    if not place.is_dir() or not judge_by.signers.is_file():
        return None
    if folder is not None:
        apart(judge_by, folder)
    return commitments(records(place), own, judge_by.verify, now)


def records(folder: Path) -> Iterator[Record]:
    """Every record below a folder, by its path there. A file that cannot be read is one that is no record."""
    found = sorted(path for path in folder.rglob("*.json") if path.is_file())
    if len(found) > _MOST:
        raise InvalidInput([Problem(str(folder), f"holds more than {_MOST} records", "is it the right folder?")])
    for path in found:
        signature = path.with_name(f"{path.name}.sig")
        yield Record(
            str(path.relative_to(folder)),
            _content(path),
            _content(signature).decode(errors="replace") if signature.is_file() else None,
        )


def default_signers() -> Path:
    """The user's own file of allowed signers; revoked keys lie beside it. It need not be there."""
    return config_root() / "allowed_signers"


def default_register() -> Path:
    """The user's own approvals of other deals, which `pov up` brings to a gate as well. It need not be there."""
    return config_root() / REGISTER


def default_revoked() -> Path | None:
    """The user's own list of revoked keys, if there is one."""
    path = config_root() / "revoked_keys"
    return path if path.is_file() else None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.stat().st_size <= _LARGEST else b""
    except OSError:
        return b""


def _possible(options: DecideOptions) -> None:
    problems = []
    if options.kind not in ROLES:
        problems.append(Problem("--kind", f"no kind {options.kind}", f"one of {', '.join(ROLES)}"))
    if len(options.reason.strip()) < 10:
        problems.append(Problem("--reason", "says too little", "say why, in at least ten characters"))
    if not options.reason.isprintable():
        problems.append(Problem("--reason", "holds characters that cannot be printed", "one line of text"))
    if not 1 <= options.days <= LONGEST_DAYS:
        problems.append(Problem("--days", f"{options.days} days", f"1 to {LONGEST_DAYS}"))
    if problems:
        raise InvalidInput(problems)


def _key(options: DecideOptions) -> Path:
    if options.key is None:
        raise InvalidInput([Problem("--key", "is missing", "name the SSH key that signs, such as ~/.ssh/id_ed25519")])
    return options.key.expanduser()


def subject_of(found: Deal, environment: str | None) -> Subject:
    """What an approval of a deal is about; without `environment` the one that its scenario would be brought up as."""
    scenario = found.engagement.scenario
    return Subject(
        engagement=found.engagement.name,
        environment=environment or environment_name(scenario, load_scenario(scenario)),
        scope=digest_of_scope(found.scope),
        offering=digest_of_offering(found.offering),
    )


def apart(trust: Trust, folder: Path) -> None:
    """Raises `InvalidInput` where signers or revocations lie in what is under review: the folder, or its Git tree."""
    fix = "name a file outside: of the protected branch"
    problems = [
        Problem(str(path), f"lies in what is under review, {tree}", fix)
        for path in (trust.signers, trust.revoked)
        if path is not None and (tree := under_review(path, folder)) is not None
    ]
    if problems:
        raise InvalidInput(problems)


def under_review(path: Path, folder: Path) -> Path | None:
    """The tree that is under review if a file lies in it: the engagement's folder, or the Git tree around that."""
    here = folder.resolve()
    tree = next((place for place in (here, *here.parents) if (place / ".git").exists()), here)
    return tree if path.resolve().is_relative_to(tree) else None


def _mandate(options: CheckOptions, subject: Subject, clock: Clock) -> Verdict | None:
    if options.mode != "block":
        return None
    fix = "the CTO signs one: pov scope mandate --key … --reason …; without it use --mode advise"
    if options.mandate is None:
        raise InvalidInput([Problem("--mandate", "block needs one, signed by the CTO", fix)])
    signature = options.mandate.with_name(f"{options.mandate.name}.sig")
    if not options.mandate.is_file():
        raise InvalidInput([Problem(str(options.mandate), "no such file", fix)])
    signed = _content(signature).decode(errors="replace") if signature.is_file() else None
    record = Record(options.mandate.name, _content(options.mandate), signed)
    verdict = about(judge(record, options.trust.verify, clock.wall()), Subject(subject.engagement, subject.environment))
    if verdict.approval is not None and verdict.counts:
        if verdict.approval.kind != "mandate":
            raise InvalidInput([Problem(str(options.mandate), f"is for {verdict.approval.kind}, not a mandate", fix)])
        if verdict.approval.decision != "approve":
            raise InvalidInput([Problem(str(options.mandate), "is a refusal", fix)])
        return verdict
    raise InvalidInput([Problem(str(options.mandate), f"is no mandate that counts: {verdict.why}", fix)])
