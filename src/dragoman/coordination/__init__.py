"""What workers and nodes remember together: one seam (`recollection.py`), in memory or in Valkey."""
