# ports…: the first of them that nothing on this host is bound to
first_free "$@"
