"""The command line: `dragoman serve`, `dragoman check`."""
