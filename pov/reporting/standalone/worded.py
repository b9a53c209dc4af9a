"""Sentences in their places."""

from __future__ import annotations

import re
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pov.reporting.standalone.compared import Compared
from pov.reporting.standalone.known import ALONE, SIGNED, SIGNERS
from pov.reporting.standalone.sentences import Sentences
from pov.reporting.standalone.texts import aligned, by_place, tokens


class Worded(Compared):
    """Sentences that have to follow from the samples, in their places."""

    def __init__(self, folder: Path, own: bytes = b"") -> None:
        super().__init__(folder, own)
        self.given: Sentences | None = None

    def of_head(self, given: Sentences) -> None:
        """What stands above page one, and the criteria in sentences."""
        for key, computed in given.head().items():
            if computed or key != "run":
                self.expect(f"report.json: {key}", self.report.get(key), computed)
        told = [self.both(map(self.in_words, (one, one["pooled"]))) for one in self.scores]
        told = told or ["No criterion was set: nothing is scored."]
        for sentence, one in zip_longest(self.report.get("verdict") or [], told):
            self.sentence("report.json: verdict", sentence, one)

    def sentences(self, section: dict[str, Any]) -> None:
        """Every sentence of a section against the one that has to stand in its place."""
        if self.given is None:
            return
        name = section["id"]
        sections = {"decision": "page_one", "experiments": "pages"}
        computed, told = getattr(self.given, sections.get(name, name)), by_place(section["blocks"])
        for place in dict.fromkeys([*computed, *told]):
            printed = [self.without_signers(text) for text in told.get(place, [])]
            for n, one, other in aligned(printed, computed.get(place, [])):
                self.sentence(f"{name}: {place}, {n}", one, other)

    def sentence(self, where: str, told: str | None, computed: str | None) -> None:
        """One sentence; where another version drew the report, its words may be others, and its figures may not."""
        if told is None:
            self.wrong.append(f"{where}: it does not say {computed!r}, which the samples give")
        elif computed is None:
            self.wrong.append(f"{where}: it says {told!r}, which nothing that was saved gives")
        elif told != computed and self.elsewhere and self.pooled.get(computed) == told:
            self.notes.append(f"{where}: another version's words, with hard and late failures in one figure: {told}")
        elif told != computed and self.elsewhere and tokens(told, []) == tokens(computed, []):
            self.notes.append(f"{where}: another version's words, with the figures that the samples give: {told}")
        else:
            self.expect(where, told, computed)

    @cached_property
    def elsewhere(self) -> bool:
        """Whether another version drew the report: its verifier is not this one."""
        theirs = self.folder / "verify.py"
        return bool(self.own) and theirs.is_file() and theirs.read_bytes() != self.own

    def without_signers(self, text: str) -> str:
        """A sentence without who signed: a name has to be in the list that is attached, the rest ssh-keygen tells."""
        told = re.search(rf"; ({ALONE}|(\w[\w ]*) countersigned by (.*?))(?=\.(?: Run \d|$))", text)
        if told is None:
            return text
        over = {"criteria and run": "ch", "the criteria alone": "c", "the run alone": "h"}.get(told[2] or "", "")
        files = [
            next(self.folder.glob(f"{'criteria.frozen' if one == 'c' else 'head'}.json*.sig"), None) for one in over
        ]
        try:
            lines = (self.folder / SIGNERS).read_text(errors="replace").splitlines() if over else []
        except OSError:
            lines = []
        known = {name for one in lines for name in one.partition(" ")[0].split(",")}
        names = re.split(r", | and ", told[3] or "")
        fits = told[1] == ALONE or (over and None not in files and known.issuperset(names))
        if fits and over:
            self.notes.append(f"page one: “{told[1]}”: that is for ssh-keygen to tell, by the commands below")
        return text.replace(told[1], SIGNED) if fits else text
