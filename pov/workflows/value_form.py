"""The value section that `pov init` writes: the form alone, or the reference engagement's figures as examples.

In the form, `<low|expected|high>` is a range, `<=expected>` an input without one and `<figure>` a figure: filled in for
an example, else empty. Other words in angle brackets stand for texts.
"""

from __future__ import annotations

import json
import re

from pov.config.scenario import Scenario
from pov.model.catalogue import proposed, usual_experiments

_WHO = "by: <by>, when: <day>"
_MEASURED = f"measured: {{experiment: {usual_experiments()[0]}, arm: {proposed().name}, per: 5}}"
_FORM = f"""\
# What it is worth, for `pov report`. Each input: expected, low and high where it is not sure, who answers for it
# (`by`), since when (`when`) or what it rests on (`origin: modelled`, `source`). Money has its currency: 95.50 EUR.
# <note>
value:
  currency: EUR
  asOf: <day>
  example: <example>
  services: <all>
  # All hours of a week, as stated, today and then. The activities below are held against them.
  week: {{before: <32>, after: <1.5>, {_WHO}}}
  # before and after: minutes of people's time a piece. `{_MEASURED}` in
  # one takes this run's median over 5 services: machine time. `frees: hard` names the budget line that falls; soft
  # hours count by the part that somebody is named to redeploy, else zero.
  activities:
    - id: deploys
      title: Deploying a service
      volume: {{<14|20|26>, per: week, {_WHO}}}
      before: {{<30|45|45>, {_WHO}}}
      after: {{<2|3|8>, {_WHO}}}
      rate: operations
      frees: soft
      redeployed: {{<25|50|75>, {_WHO}, source: <other work>}}
    - id: configuration
      title: Changing configuration
      volume: {{<6|10|14>, per: week, {_WHO}}}
      before: {{<15|25|35>, {_WHO}}}
      after: {{<3|5|10>, {_WHO}}}
      rate: operations
      frees: soft
      redeployed: {{<25|50|75>, {_WHO}, source: <other work>}}
    - id: certificates
      title: Tracking certificates' expiry dates
      volume: {{<=1>, per: month, {_WHO}}}
      before: {{<180|240|300>, {_WHO}}}
      after: {{<5|10|30>, {_WHO}}}
      rate: operations
      frees: soft
    - id: troubleshooting
      title: Troubleshooting of drift
      volume: {{<2|4|6>, per: week, {_WHO}}}
      before: {{<60|90|120>, {_WHO}}}
      after: {{<40|60|90>, {_WHO}}}
      rate: engineering
      frees: soft
      redeployed: {{<0|25|50>, {_WHO}, source: <other work>}}
    - id: audit
      title: Collecting evidence for audits
      volume: {{<=4>, per: year, {_WHO}}}
      before: {{<1200|1800|2400>, {_WHO}}}
      after: {{<200|300|600>, {_WHO}}}
      rate: engineering
      frees: soft
    - id: platform
      title: Running the new platform, upgrades and unseals included
      volume: {{<=1>, per: week, {_WHO}}}
      before: {{<=0>, {_WHO}}}
      after: {{<90|180|360>, {_WHO}}}
      rate: engineering
  rates:
    - id: operations
      title: Operations
      hour: {{<80 EUR|90 EUR|100 EUR>, {_WHO}}}
    - id: engineering
      title: Platform engineering
      hour: {{<95 EUR|110 EUR|125 EUR>, {_WHO}}}
  # By the buyer's own count.
  incidents:
    - id: expiry
      title: Outage from an expired certificate
      perYear: {{<1|3|4>, {_WHO}, source: <the count>}}
      cost: {{<4000 EUR|12000 EUR|25000 EUR>, {_WHO}}}
      avoided: {{<50|80|100>, {_WHO}}}
<freed>
  # once, yearly (in advance), source, by, when, validUntil; or who gives it, until when: `notGiven: {{by: , until: }}`.
<price>
  costs:
    - id: services
      title: Professional services, six weeks
      kind: services
      once: {{<24000 EUR|30000 EUR|42000 EUR>, {_WHO}}}
    - id: training
      title: Training
      kind: training
      once: {{<6000 EUR|8000 EUR|12000 EUR>, {_WHO}}}
    - id: infrastructure
      title: Processors and memory of the platform
      kind: infrastructure
      yearly: {{<4000 EUR|6000 EUR|9000 EUR>, {_WHO}}}
  # The quarter in whose first days a wave is live, counted from the purchase.
  waves:
<waves>
  trainingDip: {{<10|25|50>, {_WHO}}}
  parallel:
    quarters: 1
    perQuarter: {{<1500 EUR|2500 EUR|4000 EUR>, {_WHO}}}
  growth: {{<0|5|10>, {_WHO}}}
  discount: {{percent: <8.0>, source: <treasury>, {_WHO}}}
  risks:
    - id: skills
      title: The team does not take to it, and keeps the old way beside it
      probability: {{<=20>, {_WHO}}}
      cost: {{<=20000 EUR>, {_WHO}}}
    - id: delay
      title: The second wave slips by a quarter
      probability: {{<=30>, {_WHO}}}
      cost: {{<=8000 EUR>, {_WHO}}}
    - id: outage
      title: The platform itself fails and stops changes for a day
      probability: {{<=10>, {_WHO}}}
      cost: {{<=15000 EUR>, {_WHO}}}
  exit:
    cost: {{<9000 EUR|12000 EUR|18000 EUR>, {_WHO}}}
    how: <way out>
  # What is asked for next, of whom, until when.
  next: {{step: <step>, by: <by>, until: null}}
"""
_PRICE = """\
  price: {once: 12000 EUR, yearly: 24000 EUR, source: "EXAMPLE: there is no quote", by: <by>, when: <day>}"""
_NO_PRICE = "  price: {notGiven: {by: <by>, until: null}}"
_FREED = '      frees: hard\n      budgetLine: "EXAMPLE: penalties paid to merchants"'
_NOT_FREED = "      frees: soft"
_TEXTS = {
    "other work": "EXAMPLE: moved to work that waits",
    "the count": "EXAMPLE: nobody counted",
    "treasury": "EXAMPLE: no treasury said so",
    "way out": "EXAMPLE: the services' manifests stay in Git and run on any cluster; the old way is taken up again",
    "step": "EXAMPLE: three weeks on five of your own services in staging",
}
_NOTES = {
    True: "EXAMPLES: nobody stated these figures, and the report says so. Replace them, then take `example` out.",
    False: "Nobody has given these figures yet: until all are there, the report tells what is missing, and no result.",
}


def value_form(scenario: Scenario, *, by: str, today: str, example: bool) -> str:
    """The section as YAML."""
    fixed = {
        "note": _NOTES[example],
        "example": str(example).lower(),
        "all": str(scenario.services.count),
        "waves": "\n".join(_waves(scenario)),
        "freed": _FREED if example else _NOT_FREED,
        "price": _PRICE if example else _NO_PRICE,
    }
    text = re.sub("<(note|example|all|waves|freed|price)>", lambda found: fixed[found[1]], _FORM)
    texts = {"by": by, "day": today if example else None, **{k: v if example else "" for k, v in _TEXTS.items()}}
    return re.sub("<([^<>]+)>", lambda found: _filled(found[1], texts, example), text)


def _filled(place: str, texts: dict[str, str | None], example: bool) -> str:
    if place in texts:
        # A JSON string is a YAML string, whatever is in it; a day is written without quotes.
        return texts[place] or "null" if place == "day" else json.dumps(texts[place], ensure_ascii=False)
    parts = place.split("|")
    if len(parts) == 3:
        low, expected, high = parts if example else ["null"] * 3
        return f"low: {low}, expected: {expected}, high: {high}"
    figure = place.removeprefix("=") if example else "null"
    return f"expected: {figure}" if place.startswith("=") else figure


def _waves(scenario: Scenario) -> list[str]:
    proof, everything = len(scenario.pov_services), scenario.services.count
    half = (everything - proof) // 2
    sizes = [("The services under proof", 2, proof), ("Half of the others", 3, half)]
    sizes.append(("All others", 4, everything - proof - half))
    return [f"    - {{title: {title}, quarter: {quarter}, services: {size}}}" for title, quarter, size in sizes if size]
