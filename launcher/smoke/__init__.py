"""`launcher smoke`: a job that the launcher brings along, and what its ranks have found."""
