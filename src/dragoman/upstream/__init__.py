"""Getting bytes to an upstream and back: one seam (`transport.py`), one file for each way to do it."""
