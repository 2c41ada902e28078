"""What people write: cluster and job files, validated and frozen."""
