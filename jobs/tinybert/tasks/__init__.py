"""The tasks of GLUE and CLUE: their rows, records and scores."""
