"""Everything that is printed: progress, results, tables, errors."""
