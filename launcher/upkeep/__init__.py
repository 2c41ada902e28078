"""After runs, and beside them: fetch logs again, and remove what is not needed any more."""
