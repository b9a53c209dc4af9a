"""How much of the processor each service asks for: by the number of edges that end at it.

A request is a share of a full machine. Asked for alike, the busiest services would get no more of it than those that
nobody calls, and the calls over their edges would come late first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from pov.config.scenario import Scenario
from pov.config.topology import generate
from pov.config.units import millicores


def cpu_requests(scenario: Scenario) -> Mapping[str, int]:
    """Millicores by service, at least 1: `cpuRequest` is their mean over the whole graph."""
    topology = generate(scenario.services.seed, scenario.services.count)
    ends = Counter(name for edge in topology.edges for name in (edge.source, edge.target))
    names = topology.names()
    shares = {name: max(1, ends[name]) for name in names}
    each = millicores(scenario.services.resources.cpu_request) * len(names) / sum(shares.values())
    return {name: max(1, round(each * share)) for name, share in shares.items()}
