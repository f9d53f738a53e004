"""The command line. Heavy imports wait until a command runs, so that --help is quick."""
