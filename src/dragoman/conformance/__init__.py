"""A black-box suite that measures any gateway: clients of four formats before it, strict vendors behind it.

`features*.py` say what is tried, `wire_*.py` and `answer_*.py` write requests and read both ends with a
hand of their own (none of the gateway's code), `runner.py` runs the matrix. Start reading at `feature.py`.
"""
