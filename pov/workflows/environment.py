"""One environment: what it was asked to be, and how later commands find it again."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from pov.base.errors import InvalidInput, NotFound, PovError, Problem
from pov.base.files import require_readable, text_of, write_atomic
from pov.base.names import RULE, is_name
from pov.bundle import Bundle
from pov.config.engagement import FILE, Engagement, load_engagement
from pov.config.estates import estates
from pov.config.scenario import Scenario, load_scenario
from pov.config.topology import generate
from pov.model.events import Emit
from pov.model.reading import parsed
from pov.state.home import ASKED, Home, among
from pov.steps.cluster import Cluster
from pov.steps.context import Context
from pov.steps.landing_zone.deal import followed
from pov.steps.targets import DEFAULT, target_named

RECORD = ASKED
RUNS = "runs/*/environment.json"
DEFAULT_SCENARIO = "gitops-35"


@dataclass(frozen=True)
class Wish:
    """What an environment is asked to be: its name, its scenario (name or path), N when it was given, its target."""

    name: str
    scenario: str
    services: int | None
    engagement: Path | None
    target: str = DEFAULT


def home_of(root: Path, name: str) -> Home:
    """The environment's folder under `root`. Raises `InvalidInput` for what cannot be a name, wherever it came from.

    Raises `PreflightFailed` for one that this user may not look into.
    """
    if not is_name(name):
        raise InvalidInput([Problem("--name", f"`{name}` cannot name an environment", RULE)])
    home = Home(root / ".pov" / name)
    require_readable(home.root.parent, home.root)
    return home


def environments(root: Path) -> tuple[str, ...]:
    """Names of the environments that were brought up from `root` and not taken down."""
    return tuple(sorted(path.parent.name for path in among(root, f"*/{RECORD}")))


def below(root: Path, what: str = RECORD) -> tuple[str, ...]:
    """Engagement folders right below `root` where an environment has `what`; none where `root` is such a folder itself.

    Whoever stands in the folder above the one that is meant is told where it is.
    """
    if (root / FILE).exists():
        return ()
    found = dict.fromkeys(path.relative_to(root).parts[0] for path in sorted(root.glob(f"*/.pov/*/{what}")))
    return tuple(folder for folder in found if (root / folder / FILE).is_file())


def there(folder: str) -> str:
    """How the command that was typed is typed for that engagement folder. The dots stand for what was typed."""
    return f"pov --engagement {shlex.quote(folder)} …"


def nothing_measured(root: Path, kind: type[NotFound] = NotFound) -> NotFound:
    """That no run was saved from `root`, with where there are some below; `kind` says whether one was named."""
    told = f"nothing was measured yet in {root}"
    if folders := below(root, RUNS):
        return kind(told, cause=f"there are runs in {', '.join(folders)}", fix=there(folders[0]))
    return kind(told, fix="pov measure")


def choose(root: Path, name: str | None) -> str:
    """The environment that is meant: the named one, or the only one there is."""
    known = environments(root)
    if name is not None:
        return name
    if len(known) == 1:
        return known[0]
    if not known and (folders := below(root)):
        raise NotFound(
            f"no environment in {root}", cause=f"there is one in {', '.join(folders)}", fix=there(folders[0])
        )
    if not known:
        raise NotFound(f"no environment in {root}", fix="pov up")
    raise InvalidInput([Problem("--name", f"several environments: {', '.join(known)}", f"pov --name {known[0]} …")])


def remember(home: Home, wish: Wish, bundle: Bundle) -> None:
    """Write down what was asked, and what it is made from, for the commands that follow."""
    record = {
        "name": wish.name,
        "scenario": wish.scenario,
        "services": wish.services,
        "engagement": str(wish.engagement) if wish.engagement else None,
        "target": wish.target,
        "bundle": {"key": bundle.key, "source": bundle.source},
    }
    write_atomic(home.root / RECORD, json.dumps(record, indent=2) + "\n")


def recall(home: Home, name: str) -> Wish:
    """What was asked when the environment was brought up."""
    path = home.root / RECORD
    try:
        record = parsed(text_of(path))
        folder = Path(record["engagement"]) if record["engagement"] else None
        return _typed(Wish(name, record["scenario"], record["services"], folder, record.get("target", DEFAULT)))
    except FileNotFoundError as error:
        raise _no_such(home, name) from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise PovError(f"{path} cannot be read", cause=repr(error), fix="move it away, then pov up") from error


def _typed(wish: Wish) -> Wish:
    whole = wish.services is None or type(wish.services) is int
    if not (isinstance(wish.scenario, str) and isinstance(wish.target, str) and whole):
        raise TypeError("scenario and target are texts, and services a whole number")
    return wish


def _no_such(home: Home, name: str) -> NotFound:
    """Tells which environments there are, here or in an engagement folder below."""
    root, told = home.root.parent.parent, f"no environment {name}"
    folders = {folder: environments(root / folder) for folder in below(root)}
    if named := [folder for folder, names in folders.items() if name in names]:
        return NotFound(told, cause=f"there is one of this name in {', '.join(named)}", fix=there(named[0]))
    cause = f"{home.root / RECORD} does not exist"
    if others := environments(root):
        fix = f"--name {others[0]}, or pov up --name {name}"
        return NotFound(told, cause=f"{cause}; environments here: {', '.join(others)}", fix=fix)
    for folder, names in folders.items():
        fix = f"--engagement {shlex.quote(folder)} --name {names[0]}"
        return NotFound(told, cause=f"{cause}; in {folder} there are: {', '.join(names)}", fix=fix)
    return NotFound(told, cause=cause, fix="pov up")


def has_built_images(home: Home) -> bool:
    """Whether the environment was made from images that were built here, not from the official ones."""
    try:
        return bool(parsed(text_of(home.root / RECORD))["bundle"]["source"] == "built")
    except (OSError, ValueError, LookupError, TypeError):
        return False


def scenario_of(wish: Wish) -> tuple[Scenario, Engagement | None]:
    """Load and validate what the wish names; N and the engagement's services under proof come on top."""
    engagement = load_engagement(wish.engagement) if wish.engagement is not None else None
    scenario = load_scenario(wish.scenario)
    if wish.services is not None:
        scenario = scenario.with_services(wish.services)
    if engagement is not None:
        scenario = scenario.with_under_proof(engagement.proof.services)
    return scenario, engagement


def undrawable(scenario: Scenario, engagement: Engagement | None) -> list[Problem]:
    """Letters in what the report will print that no font here draws: told before an hour is measured."""
    from pov.reporting import lettering

    places = {"metadata.title": scenario.metadata.title}
    places |= {f"criterion {criterion.id}": criterion.title for criterion in scenario.criteria}
    if engagement is not None:
        places |= {"customer.name": engagement.customer.name, "customer.industry": engagement.customer.industry}
        for figure in engagement.baseline:
            places[f"baseline {figure.id}"] = f"{figure.figure} {figure.unit} {figure.by}"
        places |= {f"criterion {criterion.id}": criterion.title for criterion in engagement.criteria}
        places |= {f"arm {arm.name}": f"{arm.label} {arm.note}" for arm in engagement.arms}
        places |= {f"runbook {book.experiment}": f"{book.path} {book.by}" for book in engagement.runbooks}
    return lettering.problems(places)


def context(wish: Wish, home: Home, bundle: Bundle | None, cluster: Cluster, emit: Emit) -> Context:
    """Everything the steps share, from what was asked."""
    scenario, engagement = scenario_of(wish)
    made = Context(
        name=wish.name,
        scenario=scenario,
        engagement=engagement,
        home=home,
        cluster=cluster,
        topology=generate(scenario.services.seed, scenario.services.count),
        estates=estates(scenario),
        emit=emit,
        target=wish.target,
        deal=followed(home),
    )
    made.bundle = bundle
    return made


def attach(root: Path, name: str | None, emit: Emit) -> Context:
    """The running environment: its cluster, addresses and trust, nothing changed. Raises `NotFound` without one.

    It can be looked at without the bundle that it was made from: whoever needs that one asks the context for it.
    """
    from pov.bundle import current
    from pov.engines.certificates import Trust

    chosen = choose(root, name)
    home = home_of(root, chosen)
    wish = recall(home, chosen)
    cluster = target_named(wish.target)(home, chosen)
    ctx = context(wish, home, current(), cluster, emit)
    ctx.kube = cluster.kube()
    ctx.endpoints.update(cluster.endpoints())
    ctx.trust = Trust.load(home)
    return ctx
