"""What pages and files have in words, and in which sections figures are computed here."""

from __future__ import annotations

N = "\u202f"
NAMES = ("requests", "hard", "late", "excused", "handshakes", "hard_handshakes", "late_handshakes")
TOLD = {
    "decision",
    "experiments",
    "steps",
    "rest",
}  # sections whose every sentence and figure has to follow from what was saved
VALUE = "value.json"
VALUED = "The decision"  # a heading on page one: what stands below it comes from the value model
EXAMPLE = "EXAMPLE: made up to show the form, stated by nobody"
SIMULATED = "In simulation, intervals of this kind covered"  # quoted from QUOTED, which is simulated anew here
BUSY = 2.0  # runnable tasks a core, mean of the minute before: with more of them a trial began on a busy machine
BOXES = "above all"  # where the boxes stand that page one begins with
STATED, CRITERIA = 4, 5  # so many stated figures and criteria stand on page one, the others further back
FEW, MANY, FEWER = 2, 8, 6  # up to so many experiments there is room for large figures, and for so many findings; else
COMPARED_FROM, COLUMNS = 3, 3  # trials an arm; arms in the table of more experiments than there is room for in large
NOBODY = "set by this toolkit's scenario, agreed by nobody"
SIGNED = "signed by whom is for ssh-keygen to tell"  # stands for what page one says of that
SIGNERS, ALONE = "allowed_signers", "self-attested: nobody else signed criteria or run"
WORST_FIRST = ["fail", "not shown", "does not tell apart", "pass"]
APART = {"placebo", "negative", "person"}  # kinds of arms that are never shown beside those that a machine works
WORTH = {"worth", "worth_basis"}  # pages two and three, where there is a whole value section
LATER = {  # sections whose figures are not computed here, and why not
    "criteria": "the outcomes are those of page one, computed there; who agreed is as it was recorded",
    "method": "it says how it was measured; its settings are those of environment.json",
    "machine": "versions and machine are what the run recorded of itself: nothing here can tell them otherwise",
    "evidence": "digests are compared with the files that are here; the rest says what others signed",
    "traffic": "it lays out requests trial by trial as samples have them; their sums are computed on the other pages",
    "figures": "it lays out each trial's further figures as samples have them",
    "drift": "it lays out what trials found, as samples have it",
    "audit": "it lays out answers as samples have them; how many are right counts on page one, and that is computed",
    "scope": "it follows from the engagement and the offering, which are not attached",
    "expansions": "wishes are as engagement file and signed records had them; no figure here rests on them",
    "compliance": "its checks were made on the environment, which is not here",
    "upkeep": "its medians stand on their experiments' pages, computed there; what was stated is as it was recorded",
    "people": "times are computed; what they noted and what it cost their hands is as samples have it",
}
ALWAYS = ("decision", "criteria", "method", "machine", "evidence")  # sections that no report is without
POINTS = {"early": 10, "half": 50, "late": 80}  # where work is killed, in percent of the usual time
ERROR_RATE = 0.2  # of a bad version, where nothing is said
DEPARTED = "Exploratory: the plan differs from the frozen one"  # a box on page one
STATISTICS = (
    "Statistics. Ratio of times by Hodges and Lehmann on logarithms, interval by inverting the exact rank test with "
    "the coverage that it attains"
)
INPUTS = {  # where a value section has figures that somebody has to give, in its order
    "activities": ("volume", "before", "after"), "rates": ("hour",), "incidents": ("perYear", "cost", "avoided"),
    "costs": ("once", "yearly"), "trainingDip": (), "parallel": ("perQuarter",), "growth": (), "discount": (),
    "risks": ("probability", "cost"), "exit": ("cost",),
}  # fmt: skip
COMPUTED = {"order", "rare"}  # sections whose tables are computed place by place
UPKEEP = "upkeep"  # a section: experiments on the platform itself, beside what was stated of running it
ON_PLATFORM = ("unseal", "restart", "upgrade")
FOOTPRINT = "footprint"  # a section, and where samples keep what parts of the platform took
PLATFORM = {"argocd": "Argo CD", "vault": "Vault", "agents": "Vault's agents beside the services", "gitea": "Gitea"}
AROUND = {
    "kubernetes": "Kubernetes: API server, etcd, controllers, names",
    "node": "Kubelet, container runtime, the node's own",
    "services": "The services themselves",
    "legacy": "The legacy hosts",
    "prober": "Prober: load and looking on",
    "others": "Sandboxes, and containers that ended meanwhile",
}
PROPOSED_LOSES, NO_GAIN, LOSES, GAIN, UNCLEAR, FAILED_TRIALS, PEOPLE, LATE, VARIANT, CLEAN = range(10)  # bad news first
