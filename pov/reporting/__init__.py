"""The report: facts of one saved run, put into sections, drawn by Typst. Pure functions of what was saved.

No engine, no clock and no network here: the same run gives the same bytes, today and in a year.
"""
