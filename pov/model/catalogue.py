"""What is measured, in which ways, by which figures: as data. Everything else speaks of them through this.

A new experiment, arm or metric is one line here; `pov/experiments` attaches what is done, by name. What a run was
measured with is saved with it (`model/words.py`), so that a report knows the words of an arm that no later version has.
"""

from __future__ import annotations

from pov.model.kinds import AUTOMATED, MANUAL, MORE, SCRIPT, Arm, Experiment, Metric, Option, Stated
from pov.model.registry import Registry

AT = Option(
    "at", "interrupted", "kill_at", "half", 5, 90, "nothing is killed in", "killed at {had} % in place of {agreed}",
    {"early": 10, "half": 50, "late": 80},
)  # fmt: skip
"""Where the work is killed, in percent of the time that it usually takes.

Below the least hardly anything has begun; above the most it may have ended by itself before it is killed.
"""
ERROR_RATE = Option(
    "error_rate", "rollback-errors", "error_rate", 0.2, 0.02, 1, "no version that returns errors is in",
    "a share of {had} in place of {agreed}",
)  # fmt: skip
"""The share of its requests that a bad version answers with an error.

Below the least the load takes minutes to meet enough errors to decide by.
"""
OPTIONS: Registry[Option] = Registry("option", (AT, ERROR_RATE))

_START = "the artefact is ready and the change is edited but not committed"
_PUSHED = "No review and no approval is in it: staging takes a push as it is."
_NOBODY = "No review and no approval is in it: nobody asks for one."
_AT_ONCE = (
    "In it is a pull request {of}, which a second account approves at once, by the Git server's interface: the calls "
    "count, and nobody's time to read and decide."
)

EXPERIMENTS: Registry[Experiment] = Registry(
    "experiment",
    (
        Experiment(
            "deploy",
            "Deploying a new version",
            "deployment",
            _START,
            "the prober has seen every replica serve it",
            "{proof}",
            own=True,
            usual=True,
            review=_PUSHED,
        ),
        Experiment(
            "rotate",
            "Renewing every certificate",
            "rotation",
            "the renewal is asked for",
            "the prober has seen every replica serve a new certificate",
            "{services} in staging, under load",
            ("failed_handshakes", "hard_handshakes"),
            bound=True,
            own=True,
            usual=True,
            review=_PUSHED,
        ),
        Experiment(
            "drift",
            "Undoing what was changed by hand",
            "repair",
            "replicas, variables and an image are about to be changed by hand",
            "the prober has seen that nothing is left of what Git speaks of",
            "{proof}",
            ("found_seconds", "healed_seconds", "changes_not_found"),
            stated=("manual",),
            section="drift",
            ways=("automated: nobody does anything; Argo CD looks by itself",),
            review=_NOBODY,
        ),
        Experiment(
            "rollback",
            "Going back from a version that does not start",
            "rollback",
            "the bad version is live, and the way back is decided and prepared but not begun",
            "the prober has seen every replica serve the version from before, and none of the bad one is left",
            "{proof}",
            ("live_seconds", "failed_live"),
            review=_PUSHED,
        ),
        Experiment(
            "rollback-errors",
            "Going back from a version that returns errors",
            "error rollback",
            "the load has met the bad version's errors, and the way back is decided and prepared but not begun",
            "the prober has seen every replica serve the version from before, and none of the bad one is left",
            "{proof}",
            ("error_rate_percent", "errors_seen_percent", "live_seconds", "failed_live"),
            review=_PUSHED,
        ),
        Experiment(
            "interrupted",
            "Coming through a deployment that is killed half-way",
            "interrupted deployment",
            "what does the work of a deployment has just been killed",
            "the prober has seen every replica serve the new version",
            "{proof}",
            (
                "killed_at_percent",
                "killed_at_seconds",
                "left_old",
                "left_new",
                "left_broken",
                "hard_until_good",
                "late_until_good",
                "called_done_seconds",
            ),
            own=True,
            work_of="deploy",
            ways=("automated: nobody does anything once it was killed",),
            review=_PUSHED,
        ),
        Experiment(
            "promote",
            "Promoting a version from stage to stage",
            "promotion",
            "the version serves in the first stage, and its promotion is edited but not committed",
            "the prober has seen every replica of every further stage serve it",
            "{proof}",
            ("staging_seconds", "prod_seconds", "review_seconds"),
            section="people",
            ways=("automated: a commit, a review and a merge for each stage",),
            review=_AT_ONCE.format(of="into each further stage"),
        ),
        Experiment(
            "provision",
            "Bringing a new service into every stage",
            "new service",
            "its files are written but not committed, and nothing knows it yet",
            "the prober has seen every replica in every stage answer over mutual TLS",
            "{services} in staging beside it; on hosts one for each stage, at an address given before",
            ("staging_seconds", "prod_seconds"),
            own=True,
            ways=("automated: an account in Vault, a commit, prod by review",),
            review=_AT_ONCE.format(of="into prod, where there is one") + " On hosts nobody reviews.",
        ),
        Experiment(
            "new-stage",
            "Bringing up a whole new stage",
            "new stage",
            "the stage is declared, and nothing of it is there",
            "the prober has seen every replica of every service in it answer over mutual TLS",
            "the services under proof in a stage of their own, beside all others",
            stated=("manual",),
            ways=("automated: the bring-up's own steps: Terraform, Vault, Git, Argo CD",),
            review=_AT_ONCE.format(of="into prod, where there is one"),
        ),
        Experiment(
            "secret",
            "Changing credentials everywhere",
            "credential change",
            "the new credentials are at hand, and nothing is written",
            "the prober has seen every replica use its new one",
            "{proof}",
            ("refused_seconds",),
            own=True,
            ways=("automated: written to Vault; agents do the rest",),
            review="No review and no approval is in it: what is changed is not in Git.",
        ),
        Experiment(
            "infra-change",
            "Giving a team a namespace with a quota",
            "infrastructure change",
            "what the namespace is to have is written, but neither committed nor applied",
            "the cluster tells the quota that was asked for",
            "a namespace beside the estates, which are under load",
            ways=(
                "automated: a commit, a review, a plan that is judged and applied",
                "manual: kubectl on this machine, no human time",
                "scripted: bash and kubectl on this machine",
            ),
            review=_AT_ONCE.format(of="into main") + " By hand nobody reviews.",
        ),
        Experiment(
            "audit",
            "Telling who changed what",
            "audit",
            "a service was changed four times, and somebody asks who did what, when, approved by whom",
            "every source has been read and the answers are written down",
            "one service: a reviewed change, one without a review, one by hand, another credential",
            ("answers_right", "answers_asked", "answers_unfounded"),
            judged_by="answers_right",
            section="audit",
            ways=(
                "automated: Git, reviews, Vault's log and Argo CD are read",
                "manual: files and shell history are read, no human time",
            ),
            review="No review and no approval is in it: the reviewed change was approved before, by a second account.",
        ),
        Experiment(
            "unseal",
            "Opening Vault again after it was killed",
            "unseal",
            "Vault is about to be killed",
            "another Vault is ready, open, and lets an account in",
            "Vault, with every service of every stage beside it",
            section="upkeep",
            ways=("automated: nobody does anything; the cluster starts another",),
            review=_NOBODY,
        ),
        Experiment(
            "restart",
            "Restarting the platform itself",
            "platform restart",
            "a restart of Argo CD and of Vault is decided, and nothing is done",
            "no pod from before is left in either, the others are ready, and each lets an account in",
            "Argo CD and Vault, with every service of every stage beside them",
            ("argocd_seconds", "vault_seconds"),
            section="upkeep",
            ways=("automated: a mark in each workload; the cluster does the rest",),
            review=_NOBODY,
        ),
        Experiment(
            "upgrade",
            "Upgrading Argo CD by a patch release",
            "upgrade",
            "Argo CD serves in the release before, and the pinned one is at hand but not applied",
            "every pod is of the pinned release, its API says so, and a commit made then is served by every replica",
            "Argo CD, one service that is deployed after it, and every service of every stage beside them",
            ("upgraded_seconds", "delivered_seconds"),
            section="upkeep",
            ways=("automated: the release's manifest is applied; the cluster does the rest",),
            review=_NOBODY,
        ),
    ),
)
ARMS: Registry[Arm] = Registry(
    "arm",
    (
        Arm(
            "automated", "Automated", "a commit; the platform does the rest", proposed=True, mark="circle",
            colour="#0b4f7d",
        ),
        Arm(
            "automated-poll", "Automated, poll only", "the same without the webhook", compared=False,
            against="automated", mark="ring", colour="#4f93bb", spoken="by polling alone",
        ),
        Arm(
            "manual", "Runbook by machine", "over SSH, no human time", kind="manual", reference=True, legacy=True,
            mark="diamond", colour="#c4651a", spoken="the runbook",
        ),
        Arm(
            "scripted", "Good script", "bash over SSH, side by side", kind="script", legacy=True, mark="triangle",
            colour="#6b4c9a", spoken="a good script",
        ),
        Arm(
            "person", "A person", "at a real terminal on the hosts; n counts persons", kind="person", compared=False,
            legacy=True, mark="square", colour="#8a4513", spoken="a person",
        ),
        Arm(
            "person-simulated", "A script in a person's place", "typed by a test: no person was timed", kind="person",
            compared=False, legacy=True, mark="square", colour="#70757d", spoken="a script in a person's place",
        ),
        Arm(
            "person-commits", "A person, automated",
            "edits, commits, pushes; the clock starts before the edit; review and approval are not in it",
            kind="person", compared=False, mark="ring", colour="#8a4513", spoken="a person's commit",
        ),
        Arm(
            "person-commits-simulated", "A script's commit in a person's place", "typed by a test: no person was timed",
            kind="person", compared=False, mark="ring", colour="#70757d", spoken="a script's commit",
        ),
        Arm(
            "person-reviewed", "Two persons, automated",
            "one asks by a pull request, another one reviews, approves and merges; the clock starts before the edit",
            kind="person", compared=False, mark="circle", colour="#8a4513", spoken="two persons",
            reviewed=True,
        ),
        Arm(
            "person-reviewed-simulated", "A script in two persons' place", "typed by a test: no person was timed",
            kind="person", compared=False, mark="circle", colour="#70757d", spoken="a script in two persons' place",
            reviewed=True,
        ),
        Arm(
            "manual-person", "Runbook by hand", "human time", kind="person", compared=False, mark="square",
            colour="#8a4513", spoken="a person",
        ),
        Arm(
            "automated-again", "Automated, again", "the automated arm against itself", kind="again", compared=False,
            against="automated", mark="triangle", colour="#5f7f99", spoken="automated again",
        ),
        Arm("placebo", "Placebo", "nothing done", kind="placebo", compared=False),
        Arm("negative-control", "Negative control", "must fail", kind="negative", compared=False),
    ),
)  # fmt: skip
METRICS: Registry[Metric] = Registry(
    "metric",
    (
        Metric("median_seconds", "median time", "seconds"),
        Metric("max_seconds", "longest time", "seconds", aggregation="max"),
        Metric("failed_requests", "failed requests", "failed", "requests", aggregation="sum", counts=True),
        Metric("hard_failures", "requests that failed hard", "hard", "requests", aggregation="sum", counts=True),
        Metric("late_failures", "late requests", "late", "requests", aggregation="sum", counts=True),
        Metric(
            "failed_handshakes", "failed handshakes", "failed_handshakes", "handshakes", aggregation="sum", counts=True,
            only=True,
        ),
        Metric(
            "hard_handshakes", "handshakes that failed hard", "hard_handshakes", "handshakes", aggregation="sum",
            counts=True, only=True,
        ),
        Metric("hands_on_seconds", "hands-on time of a person", "hands_on_seconds"),
        Metric("author_hands_on_seconds", "hands-on time of who asked for the change", "author_hands_on_seconds"),
        Metric("reviewer_hands_on_seconds", "hands-on time of who reviewed it", "reviewer_hands_on_seconds"),
        Metric("waiting_seconds", "time in which nobody sat there", "waiting_seconds"),
        Metric("failed_commands", "commands of a person that failed", "failed_commands", "commands", aggregation="sum"),
        Metric(
            "failed_checks", "a person's questions for readiness that failed", "failed_checks", "questions",
            aggregation="sum",
        ),
        Metric("distribution_seconds", "distribution of the artefact", "distribution_seconds"),
        Metric(
            "changes_not_found", "changes not found: additions of which Git does not speak", "changes_not_found",
            "changes", aggregation="max", only=True,
        ),
        Metric("found_seconds", "time until what Git speaks of was found", "found_seconds", only=True),
        Metric("healed_seconds", "time until nothing was left of that", "healed_seconds", only=True),
        Metric(
            "error_rate_percent", "stated share of requests that the bad version answers with an error",
            "error_rate_percent", "%", aggregation="max", only=True,
        ),
        Metric(
            "errors_seen_percent", "share that it was seen to answer with an error, while every replica served it",
            "errors_seen_percent", "%", only=True,
        ),
        Metric("live_seconds", "time the bad version was live before the decision", "live_seconds", only=True),
        Metric("killed_at_percent", "point at which it was killed, of its usual time", "killed_at_percent", "%",
               only=True),
        Metric("killed_at_seconds", "time from its beginning until it was killed", "killed_at_seconds", only=True),
        Metric("left_old", "replicas left in the version from before", "left_old", "replicas", aggregation="max",
               only=True),
        Metric("left_new", "replicas left in the new version", "left_new", "replicas", MORE, "min", only=True),
        Metric("left_broken", "replicas left broken", "left_broken", "replicas", aggregation="max", only=True),
        Metric(
            "hard_until_good", "requests that failed hard, from its beginning until all was good", "hard_until_good",
            "requests", aggregation="sum", counts=True, only=True,
        ),
        Metric(
            "late_until_good", "late requests, from its beginning until all was good", "late_until_good", "requests",
            aggregation="sum", counts=True, only=True,
        ),
        Metric(
            "called_done_seconds", "time after the clock's end until Argo CD called it done", "called_done_seconds",
            only=True,
        ),
        Metric("answers_right", "answers that are right", "answers_right", "answers", MORE, "min", only=True),
        Metric("answers_asked", "questions asked", "answers_asked", "questions", MORE, "min", only=True),
        Metric(
            "answers_unfounded", "changes told that nobody made", "answers_unfounded", "changes", aggregation="max",
            only=True,
        ),
        Metric("argocd_seconds", "time until Argo CD serves again", "argocd_seconds", only=True),
        Metric("vault_seconds", "time until Vault serves again", "vault_seconds", only=True),
        Metric("upgraded_seconds", "time until Argo CD serves in the new release", "upgraded_seconds", only=True),
        Metric(
            "delivered_seconds", "time from a commit made then until every replica serves it", "delivered_seconds",
            only=True,
        ),
        Metric("staging_seconds", "time until staging serves it", "staging_seconds", only=True),
        Metric("prod_seconds", "time until prod serves it", "prod_seconds", only=True),
        Metric(
            "refused_seconds", "time until every replica was seen to refuse the old credential, at the latest",
            "refused_seconds", only=True,
        ),
        Metric("review_seconds", "reviews of all stages, without a person's time", "review_seconds", only=True),
        Metric(
            "failed_live", "requests that failed while the bad version was live", "failed_live", "requests",
            aggregation="sum", counts=True, only=True,
        ),
    ),
)  # fmt: skip

STATED: Registry[Stated] = Registry(
    "stated figure",
    (
        Stated("deploy-minutes", "Deploy of one service, by hand", "min", "45", "deploy"),
        Stated("drift-interval", "Between two looks whether anything was changed by hand", "days", "30", "drift"),
        Stated("maintenance-hours", "Maintenance of the whole estate", "h/week", "32"),
        Stated("certificate-hours", "Tracking of certificates' expiry dates", "h/month", "4"),
        Stated("certificate-incidents", "Production incidents from expired certificates", "a year", "3"),
    ),
)
"""What is asked of every customer (`pov init`)."""


OF_PEOPLE = (
    "hands_on_seconds", "author_hands_on_seconds", "reviewer_hands_on_seconds", "waiting_seconds", "failed_commands",
    "failed_checks",
)  # fmt: skip
"""Metrics that only people's arms have. They are shown person by person; no criterion stands on them."""


def named(kind: str) -> str:
    """The name of the one arm of a kind that stands beside all others (placebo, negative, again)."""
    return next(arm.name for arm in ARMS.values() if arm.kind == kind)


def proposed() -> Arm:
    """The arm that is proposed, and that the others are compared with."""
    return next(arm for arm in ARMS.values() if arm.proposed)


def reference() -> Arm:
    """Today's way."""
    return next(arm for arm in ARMS.values() if arm.reference)


def by_people() -> tuple[str, ...]:
    """Names of the arms that people do, or scripts in their place, in their order here."""
    return tuple(arm.name for arm in ARMS.values() if arm.by_people)


def reviewed() -> tuple[str, ...]:
    """Names of those in which a second person reviews what the first one asks for."""
    return tuple(arm.name for arm in ARMS.values() if arm.reviewed)


def measurable() -> tuple[str, ...]:
    """Names of the arms that a scenario may ask for: those that run by themselves."""
    return tuple(arm.name for arm in ARMS.values() if arm.kind in {AUTOMATED, MANUAL, SCRIPT})


def usual() -> tuple[str, ...]:
    """The arms that are measured where nothing is said: what is proposed, and today's way."""
    return tuple(arm.name for arm in ARMS.values() if arm.proposed or arm.reference)


def told_in(section: str) -> tuple[str, ...]:
    """The experiments of which a section of the report tells what they alone find: of this version, whatever a run was
    measured with."""
    return tuple(experiment.name for experiment in EXPERIMENTS.values() if experiment.section == section)


def usual_experiments() -> tuple[str, ...]:
    """What is measured where nothing is said."""
    return tuple(experiment.name for experiment in EXPERIMENTS.values() if experiment.usual)
