"""What hosts say of themselves, written into a cluster file.

draft     a cluster file that may still lack what the hosts know
gather    facts of all hosts at once, one script a host
propose   facts -> what the file should say; no guess where several things could be meant
changes   what the file says -> what it should say
edit      changes -> text, comments and formatting kept
"""
