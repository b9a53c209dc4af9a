"""`pov verify`: a run or a report computed again from its own files, and what could still be forged by whom.

A report is drawn anew from its attachments and compared with the PDF byte for byte. Nobody signs what does not verify.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pov.base.errors import NoSuchInput, NotFound, PovError
from pov.base.files import write_atomic
from pov.base.scratch import scratch
from pov.model.events import Emit, Event
from pov.model.reading import mapping, parsed, text
from pov.state import frozen as store
from pov.state.attested import Signature
from pov.state.runs import CONFIGURATION, HEAD, Run, head_of, read_run
from pov.workflows import countersigning, report
from pov.workflows.attesting import attested
from pov.workflows.countersigning import Lists, Signed, SignResult, moment
from pov.workflows.finding import located
from pov.workflows.forging import forgeable
from pov.workflows.keeping import commits_of

if TYPE_CHECKING:
    from pov.reporting.model import Report
    from pov.reporting.valued import GivenValue

OVER_REPORT = "report"
DEPARTS = "the plan differs from the frozen one"
_OF_RUN = ("environment.json", "samples.jsonl", "summary.json", HEAD)


@dataclass(frozen=True)
class VerifyOptions:
    """`target` is a run as every command names it, a PDF or a folder; without it the newest run is meant.

    `signers` and `revoked` are the reader's own lists; without them those that lie beside. `key` and `signer` sign what
    was verified.
    """

    root: Path
    name: str | None = None
    target: str | None = None
    signers: Path | None = None
    revoked: Path | None = None
    key: Path | None = None
    signer: str = ""


@dataclass(frozen=True)
class VerifyResult:
    """What was looked at, what does not match, what could not be looked at, and what could still be forged by whom.

    `exploratory` is what was measured otherwise than frozen: no fault of the files, and never left unsaid.
    """

    target: Path
    run: str
    checked: tuple[str, ...]
    wrong: tuple[str, ...]
    unseen: tuple[str, ...]
    signatures: tuple[Signature, ...]
    exploratory: tuple[str, ...]
    forgeable: tuple[str, ...]
    signed: SignResult | None = None

    def as_json(self) -> dict[str, Any]:
        """The result as one JSON document."""
        return {
            "target": str(self.target),
            "run": self.run,
            "matches": not self.wrong,
            "checked": list(self.checked),
            "wrong": list(self.wrong),
            "not_checked": list(self.unseen),
            "signatures": [vars(one) for one in self.signatures],
            "exploratory": list(self.exploratory),
            "forgeable": list(self.forgeable),
            "signed": self.signed.as_json() if self.signed else None,
        }


def run(options: VerifyOptions, emit: Emit) -> VerifyResult:
    """Verify, then sign if that was asked. Raises `NoSuchInput` without a target, `PovError` to sign what is wrong."""
    from pov.engines import signing

    target = _target(options)
    if options.key is not None or list((target if target.is_dir() else target.parent).glob("*.sig")):
        signing.require()
    if options.key is not None:
        over = target / HEAD if target.is_dir() else target.with_name(report.STATEMENT)
        countersigning.require_possible(_root_of(target) or options.root, over, options.key, options.signer)
    emit(Event("started", "verify", str(target), 5.0))
    with ExitStack() as stack:
        if target.is_dir():
            found = _Folder(target, options, detached=_root_of(target) is None)
        else:
            folder = stack.enter_context(scratch())
            found = _Pdf(target, folder, options)
        result = found.result()
        emit(Event("finished" if not result.wrong else "failed", "verify", f"{len(result.wrong)} do not match"))
        if options.key is not None:
            if result.wrong:
                raise PovError("not signed: it does not verify", details=result.wrong, fix="pov verify, without --sign")
            result = replace(result, signed=found.sign(options.key, options.signer, emit))
    return result


def _target(options: VerifyOptions) -> Path:
    if options.target is None:
        return located(options.root, options.name, None)[1]
    path = Path(options.target)
    if path.is_dir():
        if not (path / "samples.jsonl").is_file():
            # A run that lost its samples was looked at, and is wrong; any other folder was meant for something else.
            kind = NotFound if any((path / name).exists() for name in _OF_RUN) else NoSuchInput
            raise kind(f"no run in {path}", cause="it holds no samples.jsonl", fix="name a run's folder, or a PDF")
        return path.absolute()
    if not path.is_file() and (path.suffix or len(path.parts) > 1):
        raise NoSuchInput(f"no file {path}", fix="name a run, its folder, or a report's PDF")
    return path.absolute() if path.is_file() else located(options.root, options.name, options.target)[1]


def _root_of(folder: Path) -> Path | None:
    """The engagement folder that a run's folder lies in; None for any other folder."""
    inside = folder.parent.name == "runs" and len(folder.parents) > 3 and folder.parents[2].name == ".pov"
    return folder.parents[3] if inside else None


class _Folder:
    """A run's folder, or one that a report's attachments were saved in (`detached`)."""

    def __init__(self, folder: Path, options: VerifyOptions, *, detached: bool) -> None:
        self.target = folder
        self.options = options
        self.detached = detached
        self.root = _root_of(folder) or options.root
        self.saved = read_run(folder, detached=detached)
        beside = Lists.of(folder if detached else self.root)
        self.lists = Lists(options.signers or beside.signers, options.revoked or beside.revoked)
        self.found = attested(self.saved, self.lists, None if detached else self.root)
        self.value = _value(folder, self.saved) if detached else None
        self.drawn = report.composed(self.saved, self.found, self.value)
        self.checked: list[str] = []
        self.wrong: list[str] = list(dict.fromkeys([*self.saved.problems, *self.found.problems]))
        self.unseen: list[str] = []

    def result(self) -> VerifyResult:
        """Everything looked at."""
        self.look()
        signatures = self.signatures()
        return VerifyResult(
            self.target,
            self.drawn.run,
            tuple(self.checked),
            tuple(dict.fromkeys(self.wrong)),
            tuple(dict.fromkeys(self.unseen)),
            signatures,
            tuple(
                [f"the criteria differ from the frozen ones: {told}" for told in self.found.changes]
                + [f"{DEPARTS}: {told}" for told in self.found.plan]
            ),
            tuple(forgeable(self.saved, self.found, self.options.signers is not None)),
        )

    def signatures(self) -> tuple[Signature, ...]:
        """Those over criteria and run; what is wrong with them was told when they were looked at."""
        return self.found.signatures

    def look(self) -> None:
        """The chain was looked at when the run was read; then its sums, its verifier's, and what was deployed."""
        to = f" to {HEAD}" if (self.saved.path / HEAD).is_file() else ""
        self.checked.append(f"the chain of {len(self.saved.samples)} samples, from environment.json on{to}")
        own = text(self.saved.environment.get("run"))
        if own and own != self.target.name and not self.detached:
            self.wrong.append(f"environment.json: is that of run {own}, and lies in the folder of {self.target.name}")
        if self.saved.summary is not None:
            self.wrong += _other_sums(self.saved, self.saved.summary)
            self.checked.append("summary.json, computed again by pov")
        elif not (self.saved.path / "summary.json").exists():
            self.unseen.append("the run has no summary.json: there are no sums to compute again")
        files = report.attachments(self.saved, self.value, report=self.drawn, lists=self.lists)
        self.by_itself({**files, **self.attached()})
        self.configuration()

    def attached(self) -> Mapping[str, bytes]:
        """Files that came with it: in a run's folder the configuration repository alone is not in reports, too."""
        names = [path.name for path in self.target.iterdir() if self.detached and path.is_file()]
        names += [CONFIGURATION] if (self.target / CONFIGURATION).is_file() else []
        return {name: (self.target / name).read_bytes() for name in names}

    def by_itself(self, files: Mapping[str, bytes]) -> None:
        """The verifier that reports carry, this version's own copy, on these files."""
        from pov.reporting import one_file
        from pov.reporting.standalone.letters import printed
        from pov.reporting.standalone.verifier import Verifier

        with scratch() as folder:
            for file, content in files.items():
                (folder / file).write_bytes(content)
            verifier = Verifier(folder, one_file.verifier())
            verifier.run()
        self.wrong += map(printed, verifier.wrong)
        self.unseen += map(printed, verifier.notes)
        self.checked.append(f"{verifier.done} figures and digests, computed by the verifier that reports carry")
        if files.get(report.VERIFIER, one_file.verifier()) != one_file.verifier():
            self.unseen.append("verify.py is not this version's: its own answer is not known, and it was not run")

    def configuration(self) -> None:
        """The commits that the samples name are in the configuration repository that the run kept."""
        from pov.engines import history

        if self.detached:
            self.unseen.append(f"{CONFIGURATION}: lies in the run's folder, not in a report")
            return
        bundle = self.target / CONFIGURATION
        if not bundle.is_file():
            self.unseen.append("the run kept no configuration repository: what was deployed cannot be looked up")
            return
        commits = commits_of(self.saved.samples)
        found = history.bundle_problems(bundle, commits)
        if found and self.saved.summary is None and not history.bundle_problems(bundle, ()):
            told = (
                f"{CONFIGURATION}: of the run's beginning, for it was killed: {len(found)} later commits are not in it"
            )
            self.unseen.append(told)
            return
        self.wrong += found
        self.checked.append(f"{CONFIGURATION}, and the {len(commits)} commits of it that samples name")

    def sign(self, key: Path, signer: str, emit: Emit) -> SignResult:
        """Sign the run's head."""
        content = head_of(self.target)
        write_atomic(self.target / HEAD, content)
        what = Signed(self.target / HEAD, content, countersigning.RUN, _moment(self.saved))
        return countersigning.countersign(self.root, what, key, signer, emit)


class _Pdf(_Folder):
    """A report: its attachments, and the PDF drawn anew from them."""

    def __init__(self, pdf: Path, folder: Path, options: VerifyOptions) -> None:
        from pov.engines.pdf import attachments

        self.pdf = pdf.read_bytes()
        self.files = attachments(self.pdf)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        super().__init__(folder, options, detached=True)
        self.attachments_at, self.target = folder, pdf
        if options.signers is None and not self.lists.signers.is_file():
            self.lists = Lists.of(options.root)

    def attached(self) -> Mapping[str, bytes]:
        """As they were attached."""
        return self.files

    def look(self) -> None:
        """Also the PDF itself, and what lies beside it."""
        super().look()
        # As whoever wrote it judged the signatures: by the lists that are attached.
        lists = Lists.of(self.attachments_at)
        found = attested(self.saved, lists, None)
        drawn: Report = report.composed(self.saved, found, self.value)
        if report.pdf(drawn, self.saved, lists, self.value) == self.pdf:
            self.checked.append("the PDF, drawn again from its attachments: the same to the last byte")
        else:
            told = "report.pdf: is not what its attachments give: it was changed, or another version of pov drew it"
            self.wrong.append(told)
        self.wrong += self._beside()

    def _beside(self) -> Iterator[str]:
        """Where the statement that lies beside is not about this PDF."""
        path = self.target.with_name(report.STATEMENT)
        if not path.is_file():
            self.unseen.append("no statement.json lies beside the PDF: a signature over both cannot be looked at")
            return
        try:
            told = mapping(parsed(path.read_bytes()))
        except ValueError:
            yield "statement.json: cut off or not JSON"
            return
        now = json.loads(self._statement())
        # The report holds no configuration repository: what the run's folder says of that is taken as it stands.
        kept = mapping(mapping(told.get("head")).get("files")).get(CONFIGURATION)
        if kept:
            now["head"]["files"][CONFIGURATION] = kept
        if told != now:
            yield "statement.json: is not about this PDF and its run"
        self.checked.append("statement.json, which signatures over the report are over")

    def _statement(self) -> bytes:
        return report.statement(self.pdf, replace(self.saved, path=self.attachments_at))

    def signatures(self) -> tuple[Signature, ...]:
        """Also those over the statement that lies beside; what is wrong with these is added."""
        path, found = self.target.with_name(report.STATEMENT), []
        for name, signature in store.signatures(self.target.parent, report.STATEMENT).items():
            what = Signed(
                path, path.read_bytes() if path.is_file() else b"", countersigning.REPORT, _moment(self.saved)
            )
            try:
                by = countersigning.verified_by(self.lists, what, signature)
                found.append(Signature(OVER_REPORT, name, by.principal, by.fingerprint))
            except PovError as error:
                self.wrong.append(f"{name}: {error.message}: {error.cause}")
                found.append(Signature(OVER_REPORT, name, why=error.message))
        return (*self.found.signatures, *found)

    def sign(self, key: Path, signer: str, emit: Emit) -> SignResult:
        """Sign the statement over the PDF and the run's head."""
        path = self.target.with_name(report.STATEMENT)
        content = path.read_bytes() if path.is_file() else self._statement()
        write_atomic(path, content)
        what = Signed(path, content, countersigning.REPORT, _moment(self.saved))
        return countersigning.countersign(self.root, what, key, signer, emit)


def _value(folder: Path, saved: Run) -> GivenValue | None:
    """The value section that a report was made with: the attached one. A run's own folder has it in its record."""
    from pov.reporting.valued import GivenValue

    path = folder / report.VALUE
    if not path.is_file() and not (folder / report.DRAWN).is_file():
        return None
    try:
        section = parsed(path.read_bytes()) if path.is_file() else None
    except ValueError as error:
        raise PovError(f"{report.VALUE} cannot be read", cause=str(error), fix="have the report sent again") from error
    return GivenValue(section, changed=section != saved.environment.get("value"))


def _moment(saved: Run) -> Any:
    """When the run ended: what a key has to be valid at."""
    told = text(mapping(mapping(saved.summary).get("run")).get("finished") or saved.environment.get("started"))
    try:
        found = moment(told)
    except ValueError as error:
        fix = "a run that pov measure wrote records it"
        raise PovError("the run recorded no moment to judge a key at", cause=told, fix=fix) from error
    if found.tzinfo is None:
        raise PovError("the run recorded no time zone", cause=told, fix="a run that pov measure wrote records it")
    return found


def _other_sums(saved: Run, summary: Mapping[str, Any]) -> list[str]:
    """Where summary.json is not what its samples give. What another version added or left out is not compared."""
    from pov.measure.scoring import criteria
    from pov.measure.summary import summarise
    from pov.model.reading import read_sample
    from pov.model.words import Words

    samples = [read_sample(sample, n, []) for n, sample in enumerate(saved.samples, 1)]
    words = Words.of(saved.environment.get("catalogue"))
    wanted = criteria(saved.environment.get("criteria"), [])
    facts = mapping(summary.get("run"))
    now = json.loads(json.dumps(summarise(facts, samples, wanted, words)))
    told = {key: value for key, value in summary.items() if key not in {"digests", "schema"}}
    return [f"summary.json: {where} is not what the samples give" for where in _unlike(told, now, "")]


def _unlike(told: Any, now: Any, where: str) -> Iterator[str]:
    """Places at which two documents differ, as far as both have them."""
    if isinstance(told, Mapping) and isinstance(now, Mapping):
        if told.get("method", now.get("method")) != now.get("method"):
            # Compared by another version's method: its figures are not this one's, and not wrong for that.
            return
        rules = told.get("warned_by") == now.get("warned_by")
        for key in told:
            if key in now and (rules or key not in {"warned_by", "warnings"}):
                yield from _unlike(told[key], now[key], f"{where}.{key}" if where else str(key))
    elif isinstance(told, list) and isinstance(now, list) and len(told) == len(now):
        for position, (one, other) in enumerate(zip(told, now, strict=True), 1):
            named = mapping(one).get("name") or mapping(one).get("id") or position
            yield from _unlike(one, other, f"{where}[{named}]")
    elif told != now:
        yield where
