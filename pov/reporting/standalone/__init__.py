"""The verifier that goes with every report, in rooms: `reporting/one_file.py` makes one file of them.

It imports nothing but Python's standard library and its own rooms, and no room names a thing as another one does.
"""
