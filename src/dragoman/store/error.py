"""What goes wrong with what is kept."""


class StoreError(Exception):
    """The database cannot be used: it is locked, full, damaged, or not to be opened.

    The message names the file and the reason, and holds nothing of what is kept.
    """
