"""What a deal asks for, against what the platform can keep: sizes, prices, availability, capacity, approvals.

Pure functions of files: no engine, no clock and no network here. The day is handed in, and signatures are checked by a
function that is handed in.
"""
