"""`pov`: the presales proof-of-value toolkit for GitOps platforms."""

__version__ = "0.1.0"
