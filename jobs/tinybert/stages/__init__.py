"""What every stage has: options, ranks, files, a report of its progress."""
