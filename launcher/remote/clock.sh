# the time by this host's clock
now
