"""One exchange's life. Start reading at `exchange.py`."""
