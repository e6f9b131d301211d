"""The steps. One that has been released never changes."""
