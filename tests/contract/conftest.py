"""What contract tests share: a container engine, the bundle's images, and real servers made from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pov.bundle import Bundle, require_current
from pov.engines.certificates import Trust
from pov.engines.container_choice import find
from pov.engines.containers import Containers
from pov.state.home import Home
from tests.contract import servers
from tests.contract.images import in_engine
from tests.contract.servers import GiteaServer, OpenBao, Server


@pytest.fixture(scope="session")
def containers() -> Containers:
    """The container engine that `pov` would choose here."""
    return find()


@pytest.fixture(scope="session")
def container_api(containers: Containers) -> Iterator[None]:
    """testcontainers can reach that engine."""
    with servers.container_api(containers):
        yield


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The bundle in use; without one, contract tests fail: skipped tests show nothing."""
    return require_current()


@pytest.fixture(scope="session")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    """A CA made for this run."""
    return Trust.ensure(Home(tmp_path_factory.mktemp("trust")))[0]


@pytest.fixture(scope="session")
def image(bundle: Bundle, containers: Containers) -> Callable[[str], str]:
    """The reference of a component's image, which is in the engine's storage when this returns."""
    return lambda name: in_engine(bundle, name, containers)


@pytest.fixture
def new_openbao(
    container_api: None, image: Callable[[str], str], trust: Trust, tmp_path: Path
) -> Iterator[Callable[[], Server]]:
    """Starts servers that nobody has initialised yet; all are gone after the test."""
    with ExitStack() as stack:
        numbers = iter(range(100))

        def start() -> Server:
            folder = tmp_path / f"openbao-{next(numbers)}"
            return stack.enter_context(servers.openbao(image("openbao"), trust, folder))

        yield start


@pytest.fixture(scope="module")
def openbao(
    container_api: None, image: Callable[[str], str], trust: Trust, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenBao]:
    """A real Vault API server, initialised, one for all tests of a module."""
    with servers.openbao(image("openbao"), trust, tmp_path_factory.mktemp("openbao")) as server:
        yield servers.initialise(server)


@pytest.fixture(scope="module")
def gitea(
    container_api: None, image: Callable[[str], str], trust: Trust, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GiteaServer]:
    """A real Git server with one administrator, one for all tests of a module."""
    with servers.gitea(image("gitea"), trust, tmp_path_factory.mktemp("gitea")) as server:
        yield server
