"""`audit`: a service was changed four times; who did what, when, and who approved it?

The trial makes the changes itself: one that somebody else approved, one without an approval, one by hand, another
credential. Then the sources of each way are read, and nothing else, and the answers are scored against what really
happened. What a source does not hold stays unanswered, and counts as not right.
"""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pov.base.errors import PovError
from pov.base.files import write_atomic
from pov.base.redact import random_secret
from pov.base.wait import Pending, wait_for
from pov.config.estates import LEGACY
from pov.config.legacy import Host
from pov.experiments.core import Experiment, Way
from pov.experiments.drift import BY_HAND
from pov.experiments.gitops import GitOpsTrial, at_rest
from pov.experiments.host_traces import HISTORY_FILE, SHELL, answers_of_host, histories, reading, typed_by_hand
from pov.experiments.ports.gitops import Configuration
from pov.experiments.runbook import RUN_LIMIT_S, SEEN_LIMIT_S, RunbookTrial, on_host, restart
from pov.experiments.seen import until_seen
from pov.experiments.toolbox import STAGING, Toolbox
from pov.experiments.workloads import DEPLOYMENT, image_of, own_version, to_nodes
from pov.measure.answers import NEAR_S, QUESTIONS, Answer, Change, Marks, marked
from pov.measure.order import Slot
from pov.measure.trials import Ending

_LIMIT_S = 240.0
_BY_HAND = "# by hand"


class AutomatedAudit(GitOpsTrial):
    """Git, its reviews, Vault's audit log and Argo CD are asked."""

    checks = "answers are scored against the changes that the trial made"

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot, box.under_proof[:1], webhook=True)
        self._service = box.under_proof[0]
        self._version = own_version(box, slot)
        self._branch = f"audit-{self._version}"
        self._image = ""
        self._before = ""
        self._credential = 0
        self._asked_from = self.box.clock.wall()
        self._changes: list[Change] = []
        self._answers: list[Answer] = []

    def prepare(self) -> None:
        """An image for the first change; the second takes it back."""
        self._image = to_nodes(self.box, self._version)
        self._before = self.copy.images()[self._service]
        self.details |= {"service": self._service, "asked": list(QUESTIONS), "near_s": NEAR_S}

    def warm_up(self) -> None:
        """As ever; then the four changes: what goes through Argo CD until that has taken it up or undone it."""
        super().warm_up()
        # A second earlier: Git and Argo CD keep whole seconds.
        self._asked_from = self.box.clock.wall().replace(microsecond=0) - timedelta(seconds=1)
        self.after.add("branch", partial(self.box.git.forget, self._branch))
        self.after.add("way back", self.repair, after={Ending.FAILED})
        self.copy.set_images({self._service: self._image})
        self.copy.commit(self.message())
        self.copy.push_as(self._branch)
        merged = self.box.git.review(self.estate.name, f"Deploy {self._version}", self._branch)
        self.revision = merged.revision
        self._note(self._image, merged.author, ", ".join(merged.approvers))
        self.wait_until_seen()
        fresh = self.box.git.configuration(self.estate.name)
        self.after.add("working copy", fresh.close)
        fresh.set_images({self._service: self._before})
        self.revision = fresh.commit(f"Back to {self._before} in {self.estate.name}: {self._service}")
        fresh.push()
        self._note(self._before, merged.author, "")
        at_rest(self.box, self.estate.name, self.revision, _LIMIT_S)
        self._by_hand()
        self._another_credential()

    def operate(self) -> None:
        """Ask Git and its reviews, Vault's audit log, and Argo CD: since when commits run, what it undid by itself."""
        told = self.box.git.history(self.estate.name, self._service, self._asked_from)
        state = self.box.delivery.state(self.estate.name)
        in_effect = {one.revision: one.when for one in state.deployed}
        self._answers = [
            Answer(_source(in_effect.get(one.revision)), one.what, one.who, one.when, ", ".join(one.approved_by))
            for one in told
        ]
        log, place = self.box.vault_log, (self.estate.name, self._service, self._asked_from)
        # That log holds who asked; whether anybody had approved is asked of nobody there.
        self._answers += [
            Answer("Vault's audit log", _version(self._service, one.version or 0), one.account, one.when)
            for one in log.credential_changes(*place)
        ]
        self.details["certificates_in_vaults_log"] = len(log.certificates(*place))
        repaired = state.repaired_itself()
        if repaired is not None and repaired >= self._asked_from:
            # That something was undone and when is on record; by whom it was done is not.
            self._answers.append(Answer("Argo CD's last repair", when=repaired))

    def check(self) -> None:
        """What the trial says that it did is what the cluster holds; then the answers are marked."""
        held = self.box.cluster.get(DEPLOYMENT, self._service, self.estate.namespace) or {}
        runs = image_of(held.get("spec", {}).get("template", {}))
        if runs != self._before:
            raise PovError(f"{self._service} runs {runs or 'no image'}, not {self._before}")
        version = self.box.credentials().held(self.estate.name, self._service).version
        if version != self._credential:
            raise PovError(f"Vault holds version {version} for {self._service}, not {self._credential}")
        note(self, marked(self._changes, self._answers))

    def message(self) -> str:
        """Of the first change, as a customer would write it."""
        return f"Deploy {self._version} to {self.estate.name}: {self._service}"

    def wait_until_seen(self) -> dict[str, float]:
        """Until Argo CD has taken the newest change up: an audit is about changes that came into effect."""

        def look() -> bool | Pending:
            begun = self.box.delivery.state(self.estate.name).sync_started(self.revision)
            return True if begun is not None else Pending(f"Argo CD has not begun {self.revision[:8]} yet")

        wait_for("Argo CD to take the change up", look, timeout_s=_LIMIT_S, interval_s=0.5, clock=self.box.clock)
        return {}

    def undo(self, copy: Configuration) -> bool:
        """The image from before."""
        if not self._before or copy.images()[self._service] == self._before:
            return False
        copy.set_images({self._service: self._before})
        return True

    def _note(self, what: str, who: str, approved_by: str) -> None:
        self._changes.append(Change(what, who, self.box.clock.wall(), approved_by))

    def _another_credential(self) -> None:
        """Written to Vault by an account that may. There is nothing to take back: services take it up by themselves."""
        owner = self.box.credentials()
        value = random_secret()
        self._credential = owner.change(self.estate.name, self._service, value)
        self.box.put[self.estate.name, self._service] = value
        self._note(_version(self._service, self._credential), owner.account, "")

    def _by_hand(self) -> None:
        """One replica more, by hand, until Argo CD has taken it back."""
        place = (DEPLOYMENT, self._service, self.estate.namespace)

        def replicas() -> int:
            return int((self.box.cluster.get(*place) or {})["spec"]["replicas"])

        wanted = replicas()
        self.box.cluster.patch(*place, {"spec": {"replicas": wanted + 1}}, manager=BY_HAND)
        back = partial(self.box.cluster.patch, *place, {"spec": {"replicas": wanted}}, manager=BY_HAND)
        self.after.add("change by hand", back, after={Ending.FAILED, Ending.INTERRUPTED})
        self._note(f"replicas {wanted + 1}", "somebody by hand", "")

        def look() -> bool | Pending:
            return True if replicas() == wanted else Pending("one replica more")

        wait_for("Argo CD to undo it", look, timeout_s=_LIMIT_S, interval_s=0.5, clock=self.box.clock)


class ManualAudit(RunbookTrial):
    """The host is asked: file times, links, owners, the shell's history."""

    playbook = "deploy.yml"
    checks = AutomatedAudit.checks

    def __init__(self, box: Toolbox, slot: Slot) -> None:
        super().__init__(box, slot, box.under_proof[:1])
        self._service = box.under_proof[0]
        self._version = own_version(box, slot)
        self._good = ""
        self._archive = ""
        self._asked_from = self.box.clock.wall()
        self._changes: list[Change] = []
        self._answers: list[Answer] = []

    @property
    def _host(self) -> Host:
        return next(h for h in self.box.hosts.all if any(p.service == self._service for p in h.services))

    def prepare(self) -> None:
        """A release for the first change; the second goes back to the one that serves now."""
        (row,) = self.box.prober().identify(self.estate.name, [self._service])
        if row.error:
            raise PovError(f"{self._service} does not answer", cause=row.error, fix="pov status")
        self._good = row.version
        self._archive = str(self.box.releases.archive(self._version, self.runbooks.folder))
        self.details |= {"service": self._service, "asked": list(QUESTIONS), "near_s": NEAR_S}

    def warm_up(self) -> None:
        """As ever; then the four changes: three by runbook, one by hand in the file that starts the service."""
        super().warm_up()
        hosts = self.box.hosts.all
        self.after.add("hosts", partial(restart, self.box, *hosts), after={Ending.FAILED})
        self.after.add("hosts", partial(restart, self.box, *hosts, wait=False), after={Ending.INTERRUPTED})
        self.after.add("traces", self._sweep, after={Ending.DONE})
        self._asked_from = self.box.clock.wall().replace(microsecond=0) - timedelta(seconds=1)
        # Who did it and who approved it is what happened outside: the host knows neither.
        self.runbooks.run("distribute.yml", self._variables_for(self._version), timeout_s=RUN_LIMIT_S)
        self.runbooks.run(self.playbook, self._variables_for(self._version), timeout_s=RUN_LIMIT_S)
        self._note(f"release {self._version}", "pov", "reviewer")
        self.runbooks.run(self.playbook, self._variables_for(self._good), timeout_s=RUN_LIMIT_S)
        self._note(f"release {self._good}", "pov", "")
        self.runbooks.run("secret.yml", self._another_credential(), timeout_s=RUN_LIMIT_S)
        self._note(f"file {self._credential}", "pov", "")
        self.wait_until_seen()
        self._by_hand()
        self._note(f"file {self._run}", "somebody by hand", "")

    def operate(self) -> None:
        """Read what the host holds of this service since then."""
        read = reading(self._service, self._run, self._credential)
        lines = on_host(self.box, self._host.pod, "sh", "-c", read).splitlines()
        told = answers_of_host(lines, self._service)
        self._answers = [answer for answer in told if answer.when and answer.when >= self._asked_from]
        self.details["shell_history_lines"] = sum(1 for _ in histories(lines))

    def check(self) -> None:
        """What the trial says that it did is what the host holds; then the answers are marked."""
        linked = on_host(self.box, self._host.pod, "readlink", f"/opt/pov/{self._service}/current").strip()
        if linked.rpartition("/")[2] != self._good:
            raise PovError(f"{self._service} is linked to {linked or 'nothing'}, not to {self._good}")
        last = on_host(self.box, self._host.pod, "tail", "-n", "1", self._run).strip()
        if last != _BY_HAND:
            raise PovError(f"{self._run} ends with {last or 'nothing'}, not with what was typed by hand")
        note(self, marked(self._changes, self._answers))

    def variables(self) -> dict[str, Any]:
        """What the runbook is told, for the first change."""
        return self._variables_for(self._version)

    def wait_until_seen(self) -> dict[str, float]:
        """Until the release from before serves again: an audit is about changes that came into effect."""
        return until_seen(
            self.box,
            self.estate,
            [self._service],
            lambda row: row.version == self._good,
            "the release from before on the host",
            timeout_s=SEEN_LIMIT_S,
        )

    def _by_hand(self) -> None:
        """A line more in the file that starts the service, as somebody types it into a shell on the host."""
        keep = 'if [ -e "$1" ]; then cp -p "$1" "$1.before"; fi'
        on_host(self.box, self._host.pod, "sh", "-c", keep, "sh", HISTORY_FILE)
        run = shlex.quote(self._run)
        typed = typed_by_hand(f"cp -p {run} {run}.before", f"echo {shlex.quote(_BY_HAND)} >>{run}")
        self.box.cluster.exec(self._host.pod, self.box.legacy.namespace, SHELL, stdin=typed)

    @property
    def _run(self) -> str:
        return f"/etc/service/{self._service}/run"

    @property
    def _credential(self) -> str:
        return f"/etc/pov/credentials/{self._service}"

    def _another_credential(self) -> dict[str, Any]:
        """What the runbook is told: the service, and where its new credential lies, for its owner's eyes."""
        folder = self.runbooks.folder / "credentials"
        folder.mkdir(mode=0o700, exist_ok=True)
        value = random_secret()
        write_atomic(folder / self._service, value.reveal(), mode=0o600)
        self.box.put[self.estate.name, self._service] = value
        return {"services": [self._service], "credentials": str(folder)}

    def _variables_for(self, version: str) -> dict[str, Any]:
        return {"release": self._archive, "version": version, "services": [self._service]}

    def _note(self, what: str, who: str, approved_by: str) -> None:
        self._changes.append(Change(what, who, self.box.clock.wall(), approved_by))

    def _sweep(self) -> None:
        clean = (
            'mv "$1.before" "$1"; rm -rf "/opt/pov/$2/releases/$3"; '
            'if [ -e "$4.before" ]; then mv "$4.before" "$4"; else rm -f "$4"; fi'
        )
        on_host(
            self.box, self._host.pod, "sh", "-c", clean, "sh", self._run, self._service, self._version, HISTORY_FILE
        )


EXPERIMENT = Experiment(
    "audit",
    touches=lambda box, estate: box.under_proof[:1],
    expected_s=5.0,
    arms={"automated": Way(AutomatedAudit, STAGING), "manual": Way(ManualAudit, LEGACY)},
)


def _version(service: str, version: int) -> str:
    return f"credential of {service}, version {version}"


def _source(in_effect: datetime | None) -> str:
    """Git, and where Argo CD's history knows the commit, since when it runs."""
    if in_effect is None:
        return "Git and its reviews"
    return f"Git and its reviews; in effect since {in_effect:%H:%M:%S} UTC by Argo CD's history"


def note(trial: AutomatedAudit | ManualAudit, marks: Marks) -> None:
    """Keep the marks: as figures, and row by row."""
    trial.figures |= {
        "answers_right": float(marks.right),
        "answers_asked": float(marks.asked),
        "answers_unfounded": float(marks.unfounded),
    }
    trial.details["answers"] = list(marks.rows)
