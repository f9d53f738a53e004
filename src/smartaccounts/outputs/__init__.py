"""Results as files. Everything is written beside and then renamed: a file is whole or not there."""
