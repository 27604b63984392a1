"""One sweep of a managed group, from reading to the record, and what comes before and after it."""
